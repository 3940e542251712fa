//! `report.html`: one file with everything in it, for someone who was not there. It has no scripts and asks for nothing
//! from the network.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use cnn_layers::summary::group;
use cnn_train::Predictions;
use cnn_train::metrics::Scores;

use super::svg::escape;
use super::{Plot, Story, data_uri, samples, words};
use crate::clock;
use crate::commands::counted;

/// Classes in the table of classes; with more, those of lowest recall.
const MOST_CLASSES: usize = 100;

const STYLE: &str = "\
body{font:16px/1.55 system-ui,'Segoe UI','DejaVu Sans',sans-serif;color:#1f2933;background:#fff;margin:0}\
main{max-width:960px;margin:0 auto;padding:32px 24px 96px}\
h1{font-size:28px;margin:0 0 4px}h2{font-size:21px;margin:48px 0 8px;border-top:1px solid #e4e9ed;padding-top:24px}\
p{margin:8px 0 16px;max-width:70ch}.muted{color:#66737f}\
.facts{display:flex;flex-wrap:wrap;gap:16px;margin:24px 0}.fact{background:#f6f8fa;border-radius:8px;padding:14px 18px;\
min-width:150px}.fact b{display:block;font-size:25px;font-weight:600}\
table{border-collapse:collapse;width:100%;margin:8px 0 24px;font-size:14.5px}\
th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid #e4e9ed;vertical-align:top}\
td:first-child{white-space:nowrap;padding-right:20px}td.n,th.n{text-align:right;padding-right:20px;font-variant-numeric:tabular-nums;white-space:nowrap}\
figure{margin:16px 0 8px;overflow-x:auto}figure svg,figure img{max-width:100%;height:auto}\
pre{background:#f6f8fa;border-radius:8px;padding:16px;overflow-x:auto;font-size:13px;line-height:1.45}\
nav a{margin-right:14px;white-space:nowrap}a{color:#1f6bb5}\
@media print{h2{break-after:avoid}figure{break-inside:avoid}}";

/// The page.
pub(super) fn page(story: &Story, plots: &[Plot], run: &Path) -> String {
    let mut page = Page { text: String::new(), contents: Vec::new() };
    if let Some(scores) = story.result.as_ref().and_then(|result| result.scores) {
        figures(&mut page, story, &scores);
    }
    for plot in plots {
        page.section(plot.title);
        page.paragraph(plot.about);
        let _ = writeln!(page.text, "<figure>{}</figure>", plot.drawing.svg());
        if plot.name == "per_class" {
            classes(&mut page, story);
        }
    }
    pictures(&mut page, run);
    environment(&mut page, story);
    page.section("Configuration");
    page.paragraph(
        "What the run was made with, resolved; `cnn train --config` with this file trains the same again.",
    );
    let _ = writeln!(page.text, "<pre>{}</pre>", escape_lines(&story.config_text));

    let title = format!("{} on {}", story.info.model, story.info.data);
    let contents: String =
        page.contents.iter().map(|(id, name)| format!("<a href=\"#{id}\">{}</a> ", escape(name))).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head>\n<body><main>\n<h1>{title}</h1>\n\
         <p class=\"muted\">{}</p>\n{}<nav>{contents}</nav>\n{}</main></body></html>\n",
        escape(&format!("run {}, begun {} UTC", story.name, clock::date_and_time(story.info.started))),
        facts(story),
        page.text,
        title = escape(&title),
    )
}

/// A page in the making.
struct Page {
    text: String,
    contents: Vec<(String, String)>,
}

impl Page {
    fn section(&mut self, title: &str) {
        let id = format!("s{}", self.contents.len() + 1);
        let _ = writeln!(self.text, "<h2 id=\"{id}\">{}</h2>", escape(title));
        self.contents.push((id, title.into()));
    }

    fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.text, "<p>{}</p>", escape(text));
    }

    fn list(&mut self, sentences: &[String]) {
        let items: String = sentences.iter().map(|text| format!("<li>{}</li>", escape(text))).collect();
        let _ = writeln!(self.text, "<ul>{items}</ul>");
    }

    /// `numbers` are the columns that are set to the right.
    fn table(
        &mut self,
        numbers: std::ops::Range<usize>,
        header: &[&str],
        rows: impl Iterator<Item = Vec<String>>,
    ) {
        let class = |column: usize| if numbers.contains(&column) { " class=\"n\"" } else { "" };
        let cells = |tag: &str, cells: &mut dyn Iterator<Item = &str>| -> String {
            let cell =
                |(column, text): (usize, &str)| format!("<{tag}{}>{}</{tag}>", class(column), escape(text));
            cells.enumerate().map(cell).collect()
        };
        let _ = writeln!(self.text, "<table><tr>{}</tr>", cells("th", &mut header.iter().copied()));
        for row in rows {
            let _ = writeln!(self.text, "<tr>{}</tr>", cells("td", &mut row.iter().map(String::as_str)));
        }
        self.text.push_str("</table>\n");
    }
}

/// The first things to know, large.
fn facts(story: &Story) -> String {
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let mut facts = Vec::new();
    match &story.result {
        Some(result) => {
            if let Some(test) = result.test {
                let images = group(test.images as u64);
                facts.push((percent(test.accuracy), format!("test accuracy ({images} images)")));
            }
            if let Some(validation) = result.validation {
                facts.push((percent(validation.accuracy), "validation accuracy".to_owned()));
            }
            if let Some(scores) = &result.scores
                && let Some(balanced) = scores.balanced_accuracy
            {
                facts.push((percent(balanced.value), format!("balanced accuracy ({})", story.evaluated())));
            }
            let time = clock::length(Duration::try_from_secs_f64(result.train_seconds).unwrap_or_default());
            facts.push((time, format!("training, {}", counted(result.epochs, "epoch"))));
        }
        None => facts.push((
            format!("{} of {}", story.epochs.len(), story.config.training.epochs),
            "epochs; the run has not ended".to_owned(),
        )),
    }
    let fact = |(value, name): &(String, String)| {
        format!("<div class=\"fact\"><b>{}</b>{}</div>", escape(value), escape(name))
    };
    format!("<div class=\"facts\">{}</div>\n", facts.iter().map(fact).collect::<String>())
}

fn figures(page: &mut Page, story: &Story, scores: &Scores) {
    page.section("Figures");
    page.paragraph(&format!(
        "On the {} images. The interval says what the figure owes to which images happened to be among them: 95 % of \
         resamples of the images give a figure within it (bootstrap). It says nothing about images of another kind.",
        story.evaluated()
    ));
    let rows = words::figures(scores).into_iter();
    page.table(
        1..3,
        &["", "", "95 % interval", "what it is"],
        rows.map(|f| vec![f.name.to_owned(), f.value, f.interval, f.meaning.to_owned()]),
    );
}

fn classes(page: &mut Page, story: &Story) {
    let Some(Predictions { evaluation, .. }) = &story.predictions else { return };
    let matrix = &evaluation.confusion;
    page.list(&words::weaknesses(matrix, &story.classes));
    let mut each: Vec<_> = matrix.per_class().into_iter().zip(&story.classes).collect();
    each.sort_by(|a, b| a.0.recall.total_cmp(&b.0.recall).then(a.1.cmp(b.1)));
    let percent = super::confusion::percent;
    let row = |(scores, name): (cnn_train::metrics::ClassScores, &String)| {
        let shares = [scores.recall, scores.precision, scores.f1].map(percent);
        [name.clone(), group(scores.images)].into_iter().chain(shares).collect()
    };
    page.table(
        1..5,
        &["class", "images", "recall", "precision", "F1"],
        each.into_iter().take(MOST_CLASSES).map(row),
    );
}

fn pictures(page: &mut Page, run: &Path) {
    for (name, title) in samples::SHOWN {
        // A picture that was removed, or not drawn yet, is left out.
        let Ok(bytes) = fs::read(run.join("samples").join(name)) else { continue };
        page.section(title);
        let alternative = escape(title);
        let file = data_uri(&bytes);
        let _ = writeln!(page.text, "<figure><img alt=\"{alternative}\" src=\"{file}\"></figure>");
    }
}

fn environment(page: &mut Page, story: &Story) {
    let info = &story.info;
    page.section("How it was made");
    let mut rows = vec![
        ("program", format!("cnn {} {}", info.version, info.revision).trim_end().to_owned()),
        ("data", info.data.clone()),
        ("data, SHA-256", info.data_sha256.clone()),
        ("seed", info.seed.to_string()),
        ("processor", format!("{}, {} threads, {}", info.cpu, info.threads, info.instruction_set)),
    ];
    if let Some(result) = &story.result {
        rows.push(("weights, SHA-256", result.weights_sha256.clone()));
    }
    if let Some(best) = story.best() {
        rows.push(("best epoch", format!("{} of {}", best.epoch, story.epochs.len())));
    }
    if let Some(seconds) = info.seconds {
        let length = |seconds: f64| clock::length(Duration::try_from_secs_f64(seconds).unwrap_or_default());
        let text =
            format!("training {}, evaluation {}", length(seconds.training), length(seconds.evaluation));
        rows.push(("time", text));
    }
    page.table(0..0, &["", ""], rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]));
}

/// Escaped, with its lines.
fn escape_lines(text: &str) -> String {
    text.lines().flat_map(|line| [escape(line), "\n".into()]).collect()
}
