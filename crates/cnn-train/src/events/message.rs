//! TensorBoard's `Event` messages of numbers, as protocol buffers, written and read by hand: four fields are all that
//! there is to them.
//!
//! ```text
//! Event          wall_time = 1: double   step = 2: int64   file_version = 3: string   summary = 5: Summary
//! Summary        value = 1: repeated Value
//! Summary.Value  tag = 1: string         simple_value = 2: float
//! ```
//! Encoding: <https://protobuf.dev/programming-guides/encoding>. Images, histograms and text have no place here.

/// What the first event of a file says.
pub(super) const VERSION: &str = "brain.Event:2";

/// A number under a name.
pub(super) type Scalar = (&'static str, f64);

/// What an event of ours says, as far as it matters where a run goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// That a file begins.
    Version,
    /// Numbers of a step, of which the first has this name.
    Scalars { step: u64, tag: String },
}

/// The event with which a file begins. The time is in seconds since 1970-01-01 UTC.
pub(super) fn version(wall_time: f64) -> Vec<u8> {
    let mut event = double(1, wall_time);
    event.extend(bytes(3, VERSION.as_bytes()));
    event
}

/// Numbers of one step, in the order given.
pub(super) fn scalars(wall_time: f64, step: u64, scalars: &[Scalar]) -> Vec<u8> {
    let value = |&(tag, value): &Scalar| {
        let fields = [bytes(1, tag.as_bytes()), float(2, value as f32)].concat();
        bytes(1, &fields)
    };
    let summary: Vec<u8> = scalars.iter().flat_map(value).collect();
    [double(1, wall_time), int(2, step), bytes(5, &summary)].concat()
}

/// Reads an event; `None` for what is none of ours.
pub(super) fn read(message: &[u8]) -> Option<Event> {
    let (mut step, mut summary) = (0, None);
    for field in fields(message) {
        match field? {
            (2, Field::Int(value)) => step = value,
            (3, Field::Bytes(text)) if text == VERSION.as_bytes() => return Some(Event::Version),
            (5, Field::Bytes(value)) => summary = Some(value),
            _ => {}
        }
    }
    let value = member(summary?, 1)?;
    let tag = String::from_utf8(member(value, 1)?.to_vec()).ok()?;
    Some(Event::Scalars { step, tag })
}

/// The first field of this number, of those that have a length.
fn member(message: &[u8], number: u64) -> Option<&[u8]> {
    fields(message).find_map(|field| match field? {
        (met, Field::Bytes(bytes)) if met == number => Some(bytes),
        _ => None,
    })
}

/// The value of a field.
enum Field<'a> {
    Int(u64),
    Bytes(&'a [u8]),
    /// A number of four or eight bytes.
    Fixed,
}

/// The fields of a message with their numbers; it ends with a `None` where the message is damaged.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = Option<(u64, Field<'_>)>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = field(rest);
        rest = field.as_ref().map_or(&[], |(_, after)| after);
        Some(field.map(|(field, _)| field))
    })
}

fn field(message: &[u8]) -> Option<((u64, Field<'_>), &[u8])> {
    let (key, rest) = varint(message)?;
    let (value, rest) = match key & 7 {
        0 => varint(rest).map(|(value, rest)| (Field::Int(value), rest))?,
        1 => (Field::Fixed, rest.get(8..)?),
        2 => {
            let (length, rest) = varint(rest)?;
            let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Field::Bytes(bytes), rest)
        }
        5 => (Field::Fixed, rest.get(4..)?),
        _ => return None,
    };
    Some(((key >> 3, value), rest))
}

fn varint(message: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, &byte) in message.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some((value, &message[index + 1..]));
        }
    }
    None
}

fn push_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn key(number: u8, kind: u8) -> Vec<u8> {
    vec![number << 3 | kind]
}

fn int(number: u8, value: u64) -> Vec<u8> {
    let mut field = key(number, 0);
    push_varint(&mut field, value);
    field
}

fn double(number: u8, value: f64) -> Vec<u8> {
    let mut field = key(number, 1);
    field.extend(value.to_le_bytes());
    field
}

fn float(number: u8, value: f32) -> Vec<u8> {
    let mut field = key(number, 5);
    field.extend(value.to_le_bytes());
    field
}

fn bytes(number: u8, value: &[u8]) -> Vec<u8> {
    let mut field = key(number, 2);
    push_varint(&mut field, value.len() as u64);
    field.extend(value);
    field
}

#[cfg(test)]
mod tests {
    use super::super::record::framed;
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    // RecordWriter(..).write(Event(..).SerializeToString()) of the Python package tensorboard 2.21.0, with
    // Event(wall_time=1.5, file_version="brain.Event:2") and Event(wall_time=2.25, step=300, summary=Summary(value=[
    // Summary.Value(tag="batch/loss", simple_value=0.5), Summary.Value(tag="batch/learning-rate", simple_value=0.1)])).
    #[test]
    fn records_are_the_bytes_that_tensorboard_writes() {
        assert_eq!(
            hex(&framed(&version(1.5))),
            "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c"
        );
        let event = scalars(2.25, 300, &[("batch/loss", 0.5), ("batch/learning-rate", 0.1)]);
        assert_eq!(
            hex(&framed(&event)),
            "3d000000000000006049f1ec09000000000000024010ac022a2f0a110a0a62617463682f6c6f7373150000003f0a1a0a1362\
             617463682f6c6561726e696e672d7261746515cdcccc3d58621bab"
        );
    }

    #[test]
    fn an_event_is_read_as_it_was_written_whatever_its_step() {
        assert_eq!(read(&version(0.0)), Some(Event::Version));
        for step in [0, 1, 127, 128, 300, u64::from(u32::MAX), i64::MAX as u64] {
            let event = Event::Scalars { step, tag: "loss/train".into() };
            assert_eq!(read(&scalars(1.0, step, &[("loss/train", 1.0), ("b", 2.0)])), Some(event));
        }
    }

    #[test]
    fn what_is_no_event_of_ours_is_none() {
        let whole = scalars(1.0, 5, &[("loss/train", 1.0)]);
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), None, "cut at {end}");
        }
        for other in [&[0xff; 40][..], &[0x0b], &bytes(3, b"brain.Event:1"), &bytes(5, &bytes(1, b""))] {
            assert_eq!(read(other), None, "{other:?}");
        }
    }
}
