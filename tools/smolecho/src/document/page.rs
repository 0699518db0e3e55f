//! A self-contained HTML page: text first, charts inline, no script and no network; usable on a phone, in dark
//! mode and by keyboard.

use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("page.css");

/// A section of a page, linked from its head.
pub(crate) struct Section {
    /// The anchor.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) body: Markup,
}

/// A page of these sections.
pub(crate) fn page(title: &str, lead: &Markup, sections: &[Section]) -> String {
    // Text that escapes its element can run nothing and load nothing.
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(policy);
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    (lead)
                    nav aria-label="Sections" {
                        @for section in sections {
                            a href={ "#" (section.id) } { (section.title) }
                        }
                    }
                }
                main {
                    @for section in sections {
                        section id=(section.id) aria-labelledby={ (section.id) "-title" } {
                            h2 id={ (section.id) "-title" } { (section.title) }
                            (section.body)
                        }
                    }
                }
                footer { "smolecho " (env!("CARGO_PKG_VERSION")) }
            }
        }
    };
    page.into_string()
}

/// A table that scrolls horizontally, also by keyboard.
pub(crate) fn table(about: &str, head: &Markup, body: &Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(about) {
            table {
                thead { tr { (head) } }
                tbody { (body) }
            }
        }
    }
}

/// A verdict as a word, so that it does not depend on color.
pub(crate) fn verdict(class: &'static str, word: &str) -> Markup {
    html! { span.verdict.(class) { (word) } }
}
