//! The colours of all pictures, in one place.

/// Text.
pub(crate) const INK: &str = "#1f2933";

/// Captions and axis labels.
pub(crate) const MUTED: &str = "#66737f";

/// Lines that guide the eye.
pub(crate) const GRID: &str = "#e4e9ed";

/// Training curves, and cells of right predictions.
pub(crate) const BLUE: [u8; 3] = [31, 107, 181];

/// Validation curves, and cells of mistakes.
pub(crate) const ORANGE: [u8; 3] = [214, 90, 24];

/// `colour` laid over white: 0 gives white, 1 the colour itself.
pub(crate) fn tint(colour: [u8; 3], strength: f64) -> [u8; 3] {
    let strength = strength.clamp(0.0, 1.0);
    colour.map(|part| (255.0 - (255.0 - f64::from(part)) * strength).round() as u8)
}

/// As SVG writes it.
pub(crate) fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tint_runs_from_white_to_the_colour() {
        assert_eq!(hex(tint(BLUE, 0.0)), "#ffffff");
        assert_eq!(tint(BLUE, 2.0), BLUE);
    }
}
