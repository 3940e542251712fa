//! The report as one file for a browser, with thumbnails inside it: no scripts, nothing fetched.

use std::fmt::Write as _;
use std::path::Path;

use cnn_data::check::{Finding, Report, Severity};
use cnn_data::decode::Decoder;
use cnn_layers::summary::group;

use super::{is_shown, verdict};
use crate::commands::counted;
use crate::report::{data_uri, encode, escape, thumbnail};

/// Longest side of a thumbnail.
const SIDE: u32 = 160;

/// Cases of a finding that are shown with pictures; all are listed.
const MOST_SHOWN: usize = 100;

const STYLE: &str = "body{font:15px system-ui,sans-serif;color:#1f2933;max-width:60rem;margin:2rem auto;padding:0 1rem}\
h2{font-size:1.1rem;margin:2rem 0 .2rem}.error{color:#b3261e}.note{color:#66737f}\
table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #e4e9ed}\
td:first-child,th:first-child{text-align:left}.case{margin:.6rem 0;padding:.6rem;background:#f5f7f9}\
figure{display:inline-block;margin:0 1rem 0 0;vertical-align:top;max-width:24rem}\
figcaption,p{overflow-wrap:anywhere}figcaption{font-size:.8rem;color:#66737f}img{display:block;max-width:100%}p{margin:.2rem 0}";

/// The whole page.
pub(super) fn page(root: &Path, report: &Report) -> String {
    let name = escape(&root.display().to_string());
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{name}: check</title>\
         <style>{STYLE}</style></head><body>\n<h1>{name}</h1>\n<p>{} looked at, {} of them pictures: {}</p>\n",
        counted(report.files, "file"),
        group(report.pictures as u64),
        verdict(report)
    );
    for finding in &report.findings {
        section(&mut page, root, finding);
    }
    if report.files > 0 {
        counts(&mut page, report);
    }
    page.push_str("</body></html>\n");
    page
}

fn section(page: &mut String, root: &Path, finding: &Finding) {
    let severity = if finding.severity == Severity::Error { "error" } else { "note" };
    let _ = writeln!(
        page,
        "<h2><span class=\"{severity}\">{severity}</span>: {} ({})</h2><p>{}</p>",
        escape(finding.title),
        finding.cases.len(),
        escape(&finding.advice)
    );
    for (number, case) in finding.cases.iter().enumerate() {
        page.push_str("<div class=\"case\">");
        for file in &case.files {
            let picture =
                if is_shown(finding) && number < MOST_SHOWN { small(&root.join(file)) } else { None };
            match picture {
                Some(png) => {
                    let _ = write!(
                        page,
                        "<figure><img alt=\"\" src=\"{}\"><figcaption>{}</figcaption></figure>",
                        data_uri(&png),
                        escape(file)
                    );
                }
                None => {
                    let _ = write!(page, "<p>{}</p>", escape(file));
                }
            }
        }
        let _ = writeln!(page, "<p>{}</p></div>", escape(&case.detail));
    }
}

fn counts(page: &mut String, report: &Report) {
    page.push_str("<h2>Files</h2><table><tr><th>class</th>");
    report.splits.iter().for_each(|split| {
        let _ = write!(page, "<th>{split}</th>");
    });
    page.push_str("</tr>\n");
    for class in &report.classes {
        let _ = write!(page, "<tr><td>{}</td>", escape(&class.class));
        class.counts.iter().for_each(|count| {
            let _ = write!(page, "<td>{}</td>", group(*count as u64));
        });
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n");
    for (name, counts) in [("Formats", &report.formats), ("Colour modes", &report.modes)] {
        let all: Vec<String> = counts.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
        let _ = writeln!(page, "<p>{name}: {}</p>", escape(&all.join("; ")));
    }
}

/// The picture as a small PNG file; `None` where it cannot be read any more.
fn small(path: &Path) -> Option<Vec<u8>> {
    encode(&thumbnail(&Decoder::default().open(path).ok()?, SIDE)).ok()
}
