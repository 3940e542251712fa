//! The colours of all pictures, in one place.

use super::drawing::Rgb;

/// Text.
pub(crate) const INK: Rgb = [31, 41, 51];

/// Captions and axis labels.
pub(crate) const MUTED: Rgb = [102, 115, 127];

/// Lines that guide the eye.
pub(crate) const GRID: Rgb = [228, 233, 237];

/// What is empty, and what lies behind pictures.
pub(crate) const EMPTY: Rgb = [246, 248, 250];

/// Around pictures, so that the edge of a black or white one is seen.
pub(crate) const FRAME: Rgb = [214, 220, 226];

/// Text on a dark ground.
pub(crate) const WHITE: Rgb = [255; 3];

/// Training curves, and cells of right predictions.
pub(crate) const BLUE: Rgb = [31, 107, 181];

/// Validation curves, and cells of mistakes.
pub(crate) const ORANGE: Rgb = [214, 90, 24];

/// Curves of which none is more than the others, told apart also by people who see fewer colours: those of Okabe and Ito
/// (2008), black and yellow left out.
pub(crate) const SERIES: [Rgb; 6] =
    [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [230, 159, 0], [86, 180, 233]];

/// `colour` laid over white: 0 gives white, 1 the colour itself.
pub(crate) fn tint(colour: Rgb, strength: f64) -> Rgb {
    let strength = strength.clamp(0.0, 1.0);
    colour.map(|part| (255.0 - (255.0 - f64::from(part)) * strength).round() as u8)
}

/// As SVG writes it.
pub(crate) fn hex([red, green, blue]: Rgb) -> String {
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
