//! What a source file names: its paths, resolved as far as they lead into its own crate, and its words.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Ident, ItemMod, ItemUse, UseTree, Visibility};

/// The names of one file.
pub(crate) struct Names {
    /// The file's module, from the root of its crate; while visiting, an inline module in it.
    pub(crate) module: Vec<String>,
    /// Paths of two names or more. Those that start at `crate`, `self` or `super` start at `crate` here.
    pub(crate) paths: Vec<Vec<String>>,
    /// Identifiers and keywords, without those of comments and string literals.
    pub(crate) words: BTreeSet<String>,
}

impl Names {
    /// Reads a file, of this path below `src/`.
    pub(crate) fn of(file: &str, source: &str) -> Names {
        let mut names = Names { module: module(file), paths: Vec::new(), words: BTreeSet::new() };
        names.visit_file(&syn::parse_file(source).expect(file));
        names.words(source.parse().expect(file));
        names.paths.retain(|path| path.len() > 1);
        names
    }

    fn path(&mut self, path: &[String]) {
        let first = path.first().map(String::as_str);
        let ups = path.iter().take_while(|name| *name == "super").count();
        let resolved = match first {
            Some("self" | "super") if ups <= self.module.len() => {
                let base = &self.module[..self.module.len() - ups];
                [&["crate".to_owned()], base, &path[ups.max(1)..]].concat()
            }
            _ => path.to_vec(),
        };
        self.paths.push(resolved);
    }

    fn use_tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.use_tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) if name.ident != "self" => self.path(&with(&name.ident)),
            UseTree::Rename(rename) if rename.ident != "self" => self.path(&with(&rename.ident)),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.use_tree(before, tree));
            }
            UseTree::Glob(_) | UseTree::Name(_) | UseTree::Rename(_) => self.path(before),
        }
    }

    /// The paths among the tokens of a macro or an attribute, which syn does not parse.
    fn tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Vec::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Punct(sign) if sign.as_char() == ':' => colons += 1,
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.path(&path);
                        path.clear();
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => colons = 0,
            }
        }
        self.path(&path);
    }

    fn words(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Ident(word) => _ = self.words.insert(word.to_string()),
                TokenTree::Group(group) => self.words(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

impl Visit<'_> for Names {
    fn visit_item_use(&mut self, item: &ItemUse) {
        self.use_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.path(&names);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &syn::Macro) {
        visit::visit_macro(self, item);
        self.tokens(item.tokens.clone());
    }

    fn visit_meta_list(&mut self, list: &syn::MetaList) {
        self.tokens(list.tokens.clone());
    }

    fn visit_item_mod(&mut self, item: &ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    /// `pub(in path)` uses nothing.
    fn visit_visibility(&mut self, _: &Visibility) {}
}

/// The module of a file, of this path below `src/`.
pub(crate) fn module(file: &str) -> Vec<String> {
    let names = file.trim_end_matches(".rs").split('/');
    names.filter(|name| !matches!(*name, "lib" | "main" | "mod")).map(str::to_owned).collect()
}
