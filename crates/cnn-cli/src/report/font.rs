//! The letters of pictures: DejaVu Sans, which is in the program, so that a picture is the same on every machine.

use std::sync::OnceLock;

use ab_glyph::{Font as _, FontRef, GlyphId, OutlineCurve};

use super::drawing::{Font, Weight};

/// The font file of a thickness; `None` never happens with the files in the program.
fn file(weight: Weight) -> Option<&'static FontRef<'static>> {
    static NORMAL: OnceLock<Option<FontRef<'static>>> = OnceLock::new();
    static BOLD: OnceLock<Option<FontRef<'static>>> = OnceLock::new();
    match weight {
        Weight::Normal => NORMAL.get_or_init(|| FontRef::try_from_slice(dejavu::sans::regular()).ok()),
        Weight::Bold => BOLD.get_or_init(|| FontRef::try_from_slice(dejavu::sans::bold()).ok()),
    }
    .as_ref()
}

/// How wide a text is.
pub(super) fn width(text: &str, font: Font) -> f64 {
    glyphs(text, font).last().map_or(0.0, |glyph| glyph.left + glyph.advance)
}

/// A letter: where it begins on the baseline, how far the next one is, and its outline about its beginning, down positive.
pub(super) struct Glyph {
    pub(super) left: f64,
    advance: f64,
    pub(super) outline: Vec<OutlineCurve>,
    /// What the outline's numbers are multiplied by, right and down.
    pub(super) scale: (f32, f32),
}

/// The letters of a text, one after the other. A letter that the font does not have is an empty box.
pub(super) fn glyphs(text: &str, font: Font) -> impl Iterator<Item = Glyph> {
    let file = file(font.weight);
    let mut left = 0.0;
    let mut before: Option<GlyphId> = None;
    text.chars().filter_map(move |character| {
        let file = file?;
        let id = file.glyph_id(character);
        let unit = font.size / f64::from(file.units_per_em()?);
        if let Some(before) = before.replace(id) {
            left += unit * f64::from(file.kern_unscaled(before, id));
        }
        let advance = unit * f64::from(file.h_advance_unscaled(id));
        let outline = file.outline(id).map(|outline| outline.curves).unwrap_or_default();
        let glyph = Glyph { left, advance, outline, scale: (unit as f32, -unit as f32) };
        left += advance;
        Some(glyph)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_follow_one_another_and_have_outlines() {
        let letters: Vec<Glyph> = glyphs("A\u{fc} i", Font::normal(10.0, [0; 3])).collect();
        assert_eq!(letters.len(), 4);
        assert!(letters.windows(2).all(|pair| pair[1].left > pair[0].left));
        assert!(!letters[0].outline.is_empty() && letters[2].outline.is_empty());
        assert!(letters[0].left == 0.0 && letters[3].left > 10.0 && letters[3].left < 30.0);
    }
}
