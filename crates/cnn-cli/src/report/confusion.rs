//! The confusion matrix, as a picture and as text: rows are the truth, columns the prediction.
//!
//! Right predictions are blue and mistakes orange. A mistake's shade follows the square root of its share, so
//! that a handful of confusions in ten thousand images can still be seen.

use cnn_layers::summary::group;
use cnn_train::metrics::ConfusionMatrix;

use super::colour::{BLUE, EMPTY, GRID, INK, MUTED, ORANGE, WHITE, tint};
use super::drawing::{Anchor, Drawing, Font, fitted, width_of};

/// With more classes than this the cells of the picture carry no numbers.
const MOST_NUMBERED: usize = 24;

/// Widest name of a class beside the picture, in pixels.
const LONGEST_NAME: f64 = 170.0;

/// With more classes than this the text names the confusions instead of printing a matrix.
const MOST_PRINTED: usize = 16;

/// As many confusions are named where the matrix is too wide to print.
const NAMED_CONFUSIONS: usize = 10;

/// The picture.
pub(crate) fn picture(matrix: &ConfusionMatrix, classes: &[String]) -> Drawing {
    let count = matrix.classes().max(1);
    let cell = (720.0 / count as f64).clamp(6.0, 56.0);
    let numbered = count <= MOST_NUMBERED;
    let label = Font::normal((cell * 0.6).min(13.0), INK);
    let longest = classes.iter().map(|name| width_of(name, label)).fold(0.0, f64::max).min(LONGEST_NAME);
    let labels = longest + 16.0;
    let turned = longest > cell - 4.0;
    let (left, side) = (labels + 30.0, cell * count as f64);
    let top = 78.0 + if turned { labels } else { 26.0 };
    let recall = if numbered { 74.0 } else { 20.0 };
    let mut svg = Drawing::new((left + side + recall).max(360.0), top + side + 24.0);

    let title = format!("{} of {} images right", group(matrix.correct()), group(matrix.images()));
    svg.text((20.0, 34.0), Anchor::Start, Font::bold(19.0, INK), &title);
    svg.text((left, 62.0), Anchor::Start, Font::normal(13.0, MUTED), "predicted \u{2192}");
    svg.turned_text((24.0, top), -90.0, Anchor::End, Font::normal(13.0, MUTED), "\u{2190} true");
    let draw = |svg: &mut Drawing, row: usize, column: usize, images| {
        let cell_of = Cell { images, total: matrix.of_class(row), right: column == row, numbered };
        draw_cell(svg, (left + column as f64 * cell, top + row as f64 * cell), cell, cell_of);
    };
    if numbered {
        svg.text((left + side + 10.0, top - 10.0), Anchor::Start, Font::normal(12.0, MUTED), "recall");
        for (row, images) in matrix.rows().enumerate() {
            images.iter().enumerate().for_each(|(column, &images)| draw(&mut svg, row, column, images));
        }
    } else {
        // Only what occurred is drawn, since the cells of many classes are nearly all empty.
        svg.rectangle((left, top), (side, side), EMPTY);
        matrix.pairs().for_each(|(row, column, images)| draw(&mut svg, row, column, images));
    }
    for index in 0..matrix.classes() {
        let y = top + index as f64 * cell;
        let name = fitted(classes.get(index).map_or("", String::as_str), label, LONGEST_NAME);
        svg.text((left - 8.0, y + cell / 2.0 + label.size * 0.36), Anchor::End, label, &name);
        let across = left + (index as f64 + 0.5) * cell;
        if turned {
            svg.turned_text((across + label.size * 0.36, top - 8.0), -90.0, Anchor::Start, label, &name);
        } else {
            svg.text((across, top - 10.0), Anchor::Middle, label, &name);
        }
        let total = matrix.of_class(index);
        if numbered && total > 0 {
            let text = percent(matrix.count(index, index) as f64 / total as f64);
            svg.text(
                (left + side + 10.0, y + cell / 2.0 + 4.5),
                Anchor::Start,
                Font::normal(12.0, MUTED),
                &text,
            );
        }
    }
    svg
}

struct Cell {
    images: u64,
    /// Images of the row.
    total: u64,
    right: bool,
    numbered: bool,
}

fn draw_cell(svg: &mut Drawing, (x, y): (f64, f64), side: f64, cell: Cell) {
    let share = if cell.total == 0 { 0.0 } else { cell.images as f64 / cell.total as f64 };
    let (fill, strength) = match (cell.images, cell.right) {
        (0, _) => (EMPTY, 0.0),
        (_, true) => (tint(BLUE, 0.15 + 0.85 * share), share),
        // A hundredth of the class is seen, and a half differs from a quarter.
        (_, false) => (tint(ORANGE, 0.15 + 0.85 * share.sqrt()), share.sqrt()),
    };
    let gap = if side > 12.0 { 2.0 } else { 0.5 };
    svg.rectangle((x + gap / 2.0, y + gap / 2.0), (side - gap, side - gap), fill);
    if cell.numbered && cell.images > 0 {
        let size = (side * 0.34).clamp(8.0, 15.0);
        let colour = if strength > 0.55 { WHITE } else { INK };
        let at = (x + side / 2.0, y + side / 2.0 + size * 0.36);
        svg.text(at, Anchor::Middle, Font::normal(size, colour), &cell.images.to_string());
    } else if cell.images == 0 && cell.numbered {
        svg.disc((x + side / 2.0, y + side / 2.0), 1.2, GRID);
    }
}

/// The matrix in letters; with many classes, the confusions that happened most.
pub(crate) fn text(matrix: &ConfusionMatrix, classes: &[String]) -> String {
    if matrix.classes() > MOST_PRINTED { named_confusions(matrix, classes) } else { table(matrix, classes) }
}

fn table(matrix: &ConfusionMatrix, classes: &[String]) -> String {
    let names: Vec<String> = classes.iter().map(|name| clipped(name, 12)).collect();
    let numbers = matrix.rows().flatten().map(|count| count.to_string().len()).max().unwrap_or(1);
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(1);
    let names_width = longest.max(4);
    // Long class names are cut short above the columns; the rows tell what they stand for.
    let width = numbers.max(if longest > 7 { 4 } else { longest }) + 1;
    let mut lines = vec![format!("{:>names_width$} predicted", "true")];
    let header: String = (0..matrix.classes())
        .map(|class| format!("{:>width$}", clipped(names.get(class).map_or("", String::as_str), width - 1)))
        .collect();
    lines.push(format!("{:names_width$} {header}", ""));
    for (truth, row) in matrix.rows().enumerate() {
        let cells: String = row
            .iter()
            .map(
                |&count| {
                    if count == 0 { format!("{:>width$}", "\u{b7}") } else { format!("{count:>width$}") }
                },
            )
            .collect();
        lines.push(format!("{:>names_width$} {cells}", names.get(truth).map_or("", String::as_str)));
    }
    lines.join("\n")
}

fn named_confusions(matrix: &ConfusionMatrix, classes: &[String]) -> String {
    let wrong = matrix.pairs().filter(|(truth, predicted, _)| truth != predicted);
    let mut confusions: Vec<_> = wrong.map(|(truth, predicted, count)| (count, truth, predicted)).collect();
    confusions.sort_by_key(|&(count, truth, predicted)| (std::cmp::Reverse(count), truth, predicted));
    let name = |class: usize| classes.get(class).map_or("?", String::as_str);
    let lines: Vec<String> = confusions
        .iter()
        .take(NAMED_CONFUSIONS)
        .map(|&(count, truth, predicted)| {
            format!("{count:>7} x {} taken for {}", name(truth), name(predicted))
        })
        .collect();
    if lines.is_empty() { "no confusions".into() } else { lines.join("\n") }
}

/// A share as a percentage with one decimal, and never rounded up to 100.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", if share < 1.0 { (100.0 * share).min(99.9) } else { 100.0 })
}

/// At most `most` characters, the last an ellipsis where some are missing.
pub(crate) fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}\u{2026}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(classes: usize, entries: &[(usize, usize, usize)]) -> ConfusionMatrix {
        let mut matrix = ConfusionMatrix::new(classes);
        for &(truth, predicted, count) in entries {
            for _ in 0..count {
                matrix.add(truth, predicted).unwrap();
            }
        }
        matrix
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_table_has_the_truth_in_rows() {
        let matrix = matrix(2, &[(0, 0, 12), (0, 1, 3), (1, 1, 7)]);
        assert_eq!(
            text(&matrix, &names(&["a", "b"])),
            "true predicted\n       a  b\n   a  12  3\n   b   \u{b7}  7"
        );
    }

    #[test]
    fn many_classes_name_their_worst_confusions() {
        let classes: Vec<String> = (0..20).map(|class| format!("class {class}")).collect();
        let text = text(&matrix(20, &[(3, 4, 2), (5, 6, 9), (1, 1, 50)]), &classes);
        assert_eq!(text.lines().next(), Some("      9 x class 5 taken for class 6"));
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn the_picture_holds_each_count_and_each_class() {
        let picture =
            picture(&matrix(2, &[(0, 0, 1234), (0, 1, 3), (1, 1, 7)]), &names(&["cat", "dog & co"])).svg();
        for expected in [">1234<", ">3<", ">7<", ">cat<", ">dog &amp; co<", "1,241 of 1,244 images right"] {
            assert!(picture.contains(expected), "{expected} in {picture}");
        }
    }

    #[test]
    fn the_picture_of_very_many_classes_holds_what_occurred_and_no_more() {
        let classes: Vec<String> = (0..1000).map(|class| format!("class {class}")).collect();
        let picture = picture(&matrix(1000, &[(3, 4, 2), (5, 6, 9)]), &classes).svg();
        assert!(picture.matches("<rect").count() < 7, "{} cells", picture.matches("<rect").count());
    }

    #[test]
    fn a_share_is_never_rounded_up_to_all() {
        assert_eq!(percent(0.9999), "99.9 %");
        assert_eq!(percent(32.0 / 69.0), "46.4 %");
        assert_eq!(percent(1.0), "100.0 %");
        assert_eq!(clipped("abcdef", 4), "abc\u{2026}");
    }
}
