//! The picture of a run on a terminal: a heading, two charts, the progress, and the last lines.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph};

use super::state::{Curve, State};
use crate::clock;

/// How to end it.
const KEYS: &str = " q or Ctrl-C: finish this step, save and stop; once more: stop at once ";

/// How it is drawn: terminals without colours get none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Theme {
    pub(super) colour: bool,
}

/// The name of the curves that are drawn with dots, so that they can be told without colours.
const VALIDATION: &str = "\u{2022} validation";

/// A curve with its name and its colour.
struct Named {
    name: &'static str,
    curve: Curve,
    colour: Color,
    marker: Marker,
}

/// Draws the run on the whole of the frame.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State, theme: Theme) {
    let lines = if frame.area().height >= 20 { 7 } else { 3 };
    let [heading, charts, epoch, run, log] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(0),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(lines),
    ])
    .areas(frame.area());
    frame.render_widget(Paragraph::new(head(state, theme)), heading);
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(charts);
    loss(frame, left, state, theme);
    accuracy(frame, right, state, theme);
    progress(frame, [epoch, run], state, theme);
    told(frame, log, state);
}

fn head<'s>(state: &'s State, theme: Theme) -> Vec<Line<'s>> {
    let figures = match &state.last {
        Some((event, left)) => {
            let waiting = 100.0 * event.waited.as_secs_f64() / event.elapsed.as_secs_f64().max(1e-9);
            let left = left.map_or_else(String::new, |left| format!("  {} left", clock::hands(left)));
            format!(
                "loss {:.4}  {:.2}%  rate {:.1e}  {:.0} img/s  wait {waiting:.0}%{left}",
                event.mean_loss,
                100.0 * event.accuracy,
                event.learning_rate,
                event.images_per_second
            )
        }
        None => String::new(),
    };
    vec![
        Line::styled(&*state.title, theme.style(Color::Reset).add_modifier(Modifier::BOLD)),
        Line::raw(figures),
    ]
}

fn loss(frame: &mut Frame<'_>, area: Rect, state: &State, theme: Theme) {
    let curves = vec![
        Named {
            name: "steps",
            curve: state.batch_loss.clone(),
            colour: Color::DarkGray,
            marker: Marker::Braille,
        },
        Named {
            name: "training",
            curve: state.curve(|record| Some(record.train_loss)),
            colour: Color::Blue,
            marker: Marker::Braille,
        },
        Named {
            name: VALIDATION,
            curve: state.curve(|record| Some(record.validation?.loss)),
            colour: Color::Yellow,
            marker: Marker::Dot,
        },
    ];
    chart(frame, area, ("loss".to_owned(), curves), state.epochs, theme);
}

fn accuracy(frame: &mut Frame<'_>, area: Rect, state: &State, theme: Theme) {
    let curves = vec![
        Named {
            name: "training",
            curve: state.curve(|record| Some(100.0 * record.train_accuracy)),
            colour: Color::Blue,
            marker: Marker::Braille,
        },
        Named {
            name: VALIDATION,
            curve: state.curve(|record| Some(100.0 * record.validation?.accuracy)),
            colour: Color::Yellow,
            marker: Marker::Dot,
        },
    ];
    let best = state.best_record().and_then(|record| Some((record.epoch, record.validation?.accuracy)));
    let title = match best {
        Some((epoch, accuracy)) => format!("accuracy, best {:.2}% in epoch {epoch}", 100.0 * accuracy),
        None => "accuracy".to_owned(),
    };
    chart(frame, area, (title, curves), state.epochs, theme);
}

fn chart(
    frame: &mut Frame<'_>,
    area: Rect,
    (title, curves): (String, Vec<Named>),
    epochs: usize,
    theme: Theme,
) {
    let values = || curves.iter().flat_map(|named| &named.curve).map(|&(_, value)| value);
    let (low, high) = match (values().reduce(f64::min), values().reduce(f64::max)) {
        (Some(low), Some(high)) if high > low => (low, high),
        (Some(one), _) => (one - 0.5, one + 0.5),
        _ => (0.0, 1.0),
    };
    let last = epochs.max(1) as f64;
    let datasets = curves.iter().filter(|named| !named.curve.is_empty()).map(|named| {
        // A curve of one point is no line.
        let kind = if named.curve.len() > 1 { GraphType::Line } else { GraphType::Scatter };
        let dataset = Dataset::default().data(&named.curve).marker(named.marker);
        dataset.graph_type(kind).style(theme.style(named.colour))
    });
    let digits = |value: f64| if high >= 10.0 { format!("{value:.1}") } else { format!("{value:.3}") };
    let named =
        curves.iter().flat_map(|named| [Span::styled(named.name, theme.style(named.colour)), Span::raw(" ")]);
    let names = Line::from_iter([Span::raw(" ")].into_iter().chain(named));
    let chart = Chart::new(datasets.collect())
        .legend_position(None)
        .block(Block::bordered().title(title).title_bottom(names))
        .x_axis(Axis::default().bounds([0.0, last]).labels(["0".to_owned(), format!("epoch {epochs}")]))
        .y_axis(Axis::default().bounds([low, high]).labels([digits(low), digits(high)]));
    frame.render_widget(chart, area);
}

fn progress(frame: &mut Frame<'_>, [epoch, run]: [Rect; 2], state: &State, theme: Theme) {
    let gauge = |share: f64, label: String| {
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        Gauge::default().ratio(share).label(label).gauge_style(theme.style(Color::Cyan))
    };
    let (batch, batches, number) = state
        .last
        .as_ref()
        .map_or((0, 0, state.records.len()), |(event, _)| (event.batch, event.batches, event.epoch));
    let share = batch as f64 / batches.max(1) as f64;
    frame.render_widget(gauge(share, format!("batch {batch}/{batches}")), epoch);
    let done = (number.saturating_sub(1) as f64 + share) / state.epochs.max(1) as f64;
    frame.render_widget(gauge(done, format!("epoch {number}/{}", state.epochs)), run);
}

fn told(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let room = usize::from(area.height.saturating_sub(2));
    let first = state.lines.len().saturating_sub(room);
    let lines: Vec<Line<'_>> = state.lines.iter().skip(first).map(|line| Line::raw(line.as_str())).collect();
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title_bottom(KEYS)), area);
}

impl Theme {
    fn style(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }
}

#[cfg(test)]
mod tests;
