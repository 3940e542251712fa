//! "Did you mean": the candidate with the smallest edit distance, where it is near enough to be meant.

/// A message about a word that is none of `candidates`.
pub(crate) fn unknown(what: &str, word: &str, candidates: &[&str]) -> String {
    match nearest(word, candidates) {
        Some(meant) => format!("unknown {what} `{word}`; did you mean `{meant}`?"),
        None => format!("unknown {what} `{word}`; there are: {}", candidates.join(", ")),
    }
}

fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let near = word.chars().count().div_ceil(3).max(1);
    let distances = candidates.iter().map(|candidate| (distance(word, candidate), *candidate));
    distances.filter(|&(distance, _)| distance <= near).min().map(|(_, candidate)| candidate)
}

/// Fewest insertions, deletions, substitutions and swaps of neighbours that make `a` into `b`
/// (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let substitution = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitution.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_of_neighbours_counts_once() {
        assert_eq!(distance("tset", "test"), 1);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn a_word_far_from_all_gets_the_list() {
        assert_eq!(
            unknown("command", "deploy", &["test", "tidy"]),
            "unknown command `deploy`; there are: test, tidy"
        );
    }
}
