//! Which of the names there are somebody meant who wrote another.

/// Names less alike than this have nothing to do with each other; clap takes 0.7 for flags, and is often wrong.
const ALIKE: f64 = 0.8;

/// The name that is most like `written`, if any is like it at all. Dashes count as underscores, and case for nothing.
pub(crate) fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let written = plain(written);
    let scored = names.into_iter().map(|name| (strsim::jaro_winkler(&written, &plain(name)), name));
    let (score, name) = scored.max_by(|one, other| one.0.total_cmp(&other.0))?;
    (score >= ALIKE).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_seen_through() {
        let names = ["host", "port", "workers", "cors_allowed_origins"];
        for (written, meant) in
            [("prot", "port"), ("Port", "port"), ("worker", "workers"), ("cors-allowed-origin", "cors_allowed_origins")]
        {
            assert_eq!(nearest(written, names), Some(meant));
        }
        assert_eq!(nearest("temperature", names), None);
    }
}
