//! A page for a browser: one file that holds all it needs and asks no network for anything. Text first,
//! pictures in it, readable on a phone, in the dark, and by keyboard.

use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("page.css");

/// A part of a page, which its head leads to.
pub(crate) struct Section {
    /// What the link to it names.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) body: Markup,
}

/// A page of these parts.
pub(crate) fn page(title: &str, lead: &Markup, sections: &[Section]) -> String {
    // No script, and nothing from elsewhere: should any text ever break out, it can do nothing.
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
                    nav aria-label="Parts of this page" {
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

/// A table that scrolls by itself where it is too wide, by keyboard, too.
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

/// A verdict in a word, which does not depend on its color.
pub(crate) fn verdict(class: &'static str, word: &str) -> Markup {
    html! { span.verdict.(class) { (word) } }
}
