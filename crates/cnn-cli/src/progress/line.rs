//! A line of the terminal that fits it: what matters most stays when there is less room, and a bar takes what is left.

/// Columns where the terminal does not tell.
const USUAL_WIDTH: usize = 80;

/// Columns of a bar.
const LEAST_BAR: usize = 6;
const MOST_BAR: usize = 40;

/// Pieces of a lower rank matter more than a bar.
const RANK_OF_BAR: u8 = 3;

/// A piece of a line, which its order places.
pub(super) struct Part {
    pub(super) text: String,
    /// Pieces of a higher rank are left out first.
    pub(super) rank: u8,
    /// As ANSI has it; none where it is empty.
    pub(super) colour: &'static str,
}

impl Part {
    pub(super) fn new(rank: u8, text: impl Into<String>) -> Self {
        Self { text: text.into(), rank, colour: "" }
    }

    pub(super) fn coloured(self, colour: &'static str) -> Self {
        Self { colour, ..self }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// How standard error shows a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    pub(super) width: usize,
    pub(super) colour: bool,
}

impl Screen {
    /// As it is now: a terminal may be resized.
    pub(super) fn now() -> Self {
        let size = terminal_size::terminal_size_of(std::io::stderr());
        let width = size.map_or(USUAL_WIDTH, |(width, _)| usize::from(width.0));
        Self { width, colour: crate::output::is_coloured() }
    }

    /// The pieces with two spaces between them, of which the first stays whatever happens.
    pub(super) fn line(self, mut parts: Vec<Part>) -> String {
        self.fit(&mut parts, 0, 0);
        if let [only] = parts.as_mut_slice() {
            only.text = only.text.chars().take(self.room()).collect();
        }
        let shown: Vec<String> = parts.iter().map(|part| self.paint(&part.text, part.colour)).collect();
        shown.join("  ")
    }

    /// The same with a bar behind the first piece, of which this share is done.
    pub(super) fn bar_line(self, mut parts: Vec<Part>, share: f64) -> String {
        self.fit(&mut parts, LEAST_BAR + 2, RANK_OF_BAR);
        let room = self.room().saturating_sub(width(&parts) + 2);
        if room < LEAST_BAR {
            return self.line(parts);
        }
        let mut shown: Vec<String> = parts.iter().map(|part| self.paint(&part.text, part.colour)).collect();
        shown.insert(1, self.bar(room.min(MOST_BAR), share));
        shown.join("  ")
    }

    /// The last column stays empty: some terminals begin a new line when it is filled.
    fn room(self) -> usize {
        self.width.saturating_sub(1)
    }

    /// Leaves out pieces from this rank on, until there is room for the others and so many columns.
    fn fit(self, parts: &mut Vec<Part>, reserved: usize, from: u8) {
        while width(parts) + reserved > self.room() {
            let ranks = parts.iter().enumerate().skip(1).map(|(index, part)| (part.rank, index));
            let Some((_, last)) = ranks.filter(|(rank, _)| *rank >= from).max() else { break };
            parts.remove(last);
        }
    }

    fn bar(self, columns: usize, share: f64) -> String {
        let halves = (share.clamp(0.0, 1.0) * 2.0 * columns as f64).round() as usize;
        let (full, half) = (halves / 2, halves % 2);
        let done = "\u{2501}".repeat(full) + if half == 1 { "\u{2578}" } else { "" };
        let rest = columns - full - half;
        match self.colour {
            true => self.paint(&done, "36") + &self.paint(&"\u{2501}".repeat(rest), "2"),
            false => done + &" ".repeat(rest),
        }
    }

    fn paint(self, text: &str, colour: &str) -> String {
        if !self.colour || colour.is_empty() || text.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{colour}m{text}\x1b[0m")
    }
}

fn width(parts: &[Part]) -> usize {
    parts.iter().map(Part::width).sum::<usize>() + 2 * parts.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Vec<Part> {
        vec![
            Part::new(0, "epoch 1/3"),
            Part::new(1, "loss 0.5"),
            Part::new(3, "wait 3%"),
            Part::new(2, "0:05 left"),
        ]
    }

    fn plain(width: usize) -> Screen {
        Screen { width, colour: false }
    }

    #[test]
    fn what_matters_least_is_left_out_where_there_is_no_room() {
        assert_eq!(plain(80).line(parts()), "epoch 1/3  loss 0.5  wait 3%  0:05 left");
        assert_eq!(plain(39).line(parts()), "epoch 1/3  loss 0.5  0:05 left");
        assert_eq!(plain(30).line(parts()), "epoch 1/3  loss 0.5");
        assert_eq!(plain(12).line(parts()), "epoch 1/3");
        assert_eq!(plain(4).line(parts()), "epo");
        assert_eq!(plain(0).line(parts()), "");
    }

    #[test]
    fn a_bar_takes_what_is_left_and_no_line_is_too_long() {
        for width in 0..200 {
            for share in [0.0, 0.24, 0.5, 1.0, 7.0, f64::NAN] {
                let line = plain(width).bar_line(parts(), share);
                assert!(line.chars().count() < width.max(1), "{width}: {line:?}");
            }
        }
        // Columns for a bar: 59 but for the 39 of the text and two spaces.
        let bar = "\u{2501}".repeat(9) + &" ".repeat(9);
        assert_eq!(
            plain(60).bar_line(parts(), 0.5),
            format!("epoch 1/3  {bar}  loss 0.5  wait 3%  0:05 left")
        );
        assert_eq!(plain(25).bar_line(parts(), 0.5), "epoch 1/3  loss 0.5");
        let wide = plain(200).bar_line(parts(), 1.0);
        assert_eq!(wide.matches('\u{2501}').count(), MOST_BAR);
    }

    #[test]
    fn colours_take_no_room() {
        let coloured = Screen { width: 80, colour: true };
        let line = coloured.line(vec![Part::new(0, "epoch"), Part::new(1, "best").coloured("32")]);
        assert_eq!(line, "epoch  \x1b[32mbest\x1b[0m");
        let bare = |text: &str| {
            text.split('\x1b')
                .map(|part| part.rsplit_once('m').map_or(part, |(_, rest)| rest).chars().count())
                .sum::<usize>()
        };
        assert_eq!(bare(&coloured.bar_line(parts(), 0.3)), 79);
    }
}
