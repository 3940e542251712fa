//! The machine that a run is made on.

/// What the processor calls itself; where it does not say, its architecture.
pub(super) fn processor() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").ok();
    told.as_deref().and_then(model_name).unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// The first model name of Linux's list of processors.
fn model_name(text: &str) -> Option<String> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, name) = fields.find(|(field, _)| field.trim() == "model name")?;
    Some(name.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named() {
        let text = "processor\t: 0\nmodel name\t: Some  CPU @ 2.00GHz\nflags\t: a b\n";
        assert_eq!(model_name(text).as_deref(), Some("Some CPU @ 2.00GHz"));
        assert_eq!(model_name("processor\t: 0\n"), None);
        assert!(!processor().is_empty());
    }
}
