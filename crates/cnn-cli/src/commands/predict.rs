//! `cnn predict`: what images show, as a table, JSON or CSV.
//!
//! An image that cannot be read is told by name and does not keep the others from being answered; the exit code
//! is then 1.

use std::path::Path;

use cnn_autograd::Ctx;
use cnn_data::decode::Decoder;
use cnn_tensor::{DType, Tensor, ops};
use serde::Serialize;

use super::set_threads;
use crate::cli::{Format, PredictArgs};
use crate::failure::{Failure, Outcome};
use crate::model::{self, Trained};
use crate::output::{self, error, say};

/// The answer for one image. Scripts depend on the names of the fields.
#[derive(Debug, Serialize)]
struct Answer {
    file: String,
    top: Vec<Guess>,
}

#[derive(Debug, Serialize)]
struct Guess {
    class: String,
    index: usize,
    probability: f32,
}

pub(crate) fn run(arguments: &PredictArgs) -> Outcome {
    set_threads(&arguments.threads)?;
    let trained = model::load(&arguments.model)?;
    let mut answers = Vec::new();
    let mut failed = false;
    for path in &arguments.images {
        match answer(&trained, path, arguments.top) {
            Ok(answer) => answers.push(answer),
            Err(failure) => {
                failed = true;
                error!("{}", failure.message().unwrap_or_default());
            }
        }
    }
    match arguments.format {
        Format::Json => say!("{}", serde_json::to_string_pretty(&answers)?)?,
        Format::Csv => output::text(format_args!("{}", csv(&answers)))?,
        Format::Table => output::text(format_args!("{}", table(&answers)))?,
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}

fn answer(trained: &Trained, path: &Path, top: usize) -> Outcome<Answer> {
    let image = Decoder::default().open(path)?;
    let pixels = trained.preprocessing.apply(&image)?;
    let mut shape = vec![1];
    shape.extend_from_slice(pixels.shape());
    let mut cx = Ctx::inference();
    let x = cx.input(pixels.reshape(&shape)?);
    let logits = trained.network.call(x, &mut cx)?.into_value();
    let logits = ops::unary::scale(logits, 1.0 / trained.about.temperature)?;
    let probabilities: Tensor = ops::softmax::softmax(logits, 1)?.to_dtype(DType::F32)?;
    let mut guesses: Vec<Guess> = trained
        .about
        .classes
        .iter()
        .zip(probabilities.as_slice::<f32>()?)
        .enumerate()
        .map(|(index, (class, &probability))| Guess { class: class.clone(), index, probability })
        .collect();
    guesses.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.index.cmp(&b.index)));
    guesses.truncate(top);
    Ok(Answer { file: path.display().to_string(), top: guesses })
}

/// One line for each image: its name, then its classes, the most probable first.
fn table(answers: &[Answer]) -> String {
    let longest = |length: fn(&Answer) -> usize| answers.iter().map(length).max().unwrap_or(0);
    let file = longest(|answer| answer.file.chars().count());
    let class =
        longest(|answer| answer.top.iter().map(|guess| guess.class.chars().count()).max().unwrap_or(0));
    let line = |answer: &Answer| {
        let guesses: String = answer
            .top
            .iter()
            .map(|guess| {
                format!("   {:<class$} {:>6.2} %", guess.class, f64::from(guess.probability) * 100.0)
            })
            .collect();
        format!("{:<file$}{guesses}\n", answer.file)
    };
    answers.iter().map(line).collect()
}

fn csv(answers: &[Answer]) -> String {
    let mut text = String::from("file,rank,class,index,probability\n");
    for answer in answers {
        for (rank, guess) in (1..).zip(&answer.top) {
            let (file, class) = (field(&answer.file), field(&guess.class));
            text += &format!("{file},{rank},{class},{},{}\n", guess.index, guess.probability);
        }
    }
    text
}

/// A field of CSV, quoted where it has to be (RFC 4180).
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> Vec<Answer> {
        let guess = |class: &str, index, probability| Guess { class: class.into(), index, probability };
        vec![
            Answer { file: "a,b.png".into(), top: vec![guess("seven", 7, 0.75), guess("one", 1, 0.25)] },
            Answer { file: "c.png".into(), top: vec![guess("1", 1, 1.0)] },
        ]
    }

    #[test]
    fn the_table_is_in_columns() {
        assert_eq!(
            table(&answers()),
            "a,b.png   seven  75.00 %   one    25.00 %\nc.png     1     100.00 %\n"
        );
    }

    #[test]
    fn csv_has_a_row_for_each_class_and_quotes_what_needs_it() {
        assert_eq!(
            csv(&answers()),
            "file,rank,class,index,probability\n\"a,b.png\",1,seven,7,0.75\n\"a,b.png\",2,one,1,0.25\nc.png,1,1,1,1\n"
        );
        assert_eq!(field("say \"a\""), "\"say \"\"a\"\"\"");
    }

    #[test]
    fn json_has_the_keys_that_scripts_depend_on() {
        let value = serde_json::to_value(&answers()[..1]).unwrap();
        assert_eq!(value[0]["file"], "a,b.png");
        let first = value[0]["top"][0].as_object().unwrap();
        assert_eq!(first.keys().collect::<Vec<_>>(), ["class", "index", "probability"]);
    }
}
