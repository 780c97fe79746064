//! A Rust file taken apart into code, comments and texts, as far as the house rules need it.

/// What a file consists of. Code and comments have the lines of the file, with blanks where the other parts were.
#[derive(Default)]
pub struct Parts {
    /// The code, with empty texts.
    pub code: String,
    /// The comments.
    pub comments: String,
    /// The texts in quotes, with the line on which each begins.
    pub texts: Vec<(usize, String)>,
}

impl Parts {
    /// Takes a Rust file apart.
    pub fn of(text: &str) -> Self {
        let mut parts = Self::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let length = if rest.starts_with("//") {
                parts.comment(&rest[..rest.find('\n').unwrap_or(rest.len())])
            } else if rest.starts_with("/*") {
                parts.comment(&rest[..rest.find("*/").map_or(rest.len(), |end| end + 2)])
            } else if let Some(length) = parts.raw_text(rest).or_else(|| parts.quoted_text(rest)) {
                length
            } else if let Some(length) = letter(rest) {
                parts.blank(&rest[..length]);
                length
            } else {
                parts.code.push(first);
                parts.comments.push(if first == '\n' { '\n' } else { ' ' });
                first.len_utf8()
            };
            rest = &rest[length..];
        }
        parts
    }

    fn comment(&mut self, comment: &str) -> usize {
        self.comments.push_str(comment);
        self.code.extend(comment.chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
        comment.len()
    }

    fn blank(&mut self, taken: &str) {
        for letter in taken.chars() {
            let blank = if letter == '\n' { '\n' } else { ' ' };
            self.code.push(blank);
            self.comments.push(blank);
        }
    }

    fn take(&mut self, text: &str, whole: &str) -> usize {
        self.texts.push((self.code.matches('\n').count() + 1, text.to_owned()));
        self.blank(whole);
        whole.len()
    }

    fn raw_text(&mut self, rest: &str) -> Option<usize> {
        let in_a_name = self.code.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        let after = rest.strip_prefix('r').filter(|_| !in_a_name || self.code.ends_with('b'))?;
        let hashes = after.len() - after.trim_start_matches('#').len();
        let text = after[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let text = &text[..text.find(&end).unwrap_or(text.len())];
        let length = (1 + hashes + 1 + text.len() + end.len()).min(rest.len());
        Some(self.take(text, &rest[..length]))
    }

    fn quoted_text(&mut self, rest: &str) -> Option<usize> {
        let text = rest.strip_prefix('"')?;
        let mut escaped = false;
        let end = text.find(|letter| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        });
        let length = end.unwrap_or(text.len());
        Some(self.take(&text[..length], &rest[..(length + 2).min(rest.len())]))
    }

    /// The code with blanks where test modules stand.
    pub fn code_outside_tests(&self) -> String {
        let mut code = self.code.clone();
        while let Some(begin) = code.find("#[cfg(test)]") {
            let module = &code[begin..];
            let end = match (module.find('{'), module.find(';')) {
                (Some(opens), semicolon) if semicolon.is_none_or(|ends| opens < ends) => closing(module, opens),
                (_, Some(ends)) => ends + 1,
                (_, None) => module.len(),
            };
            let blank: String = module[..end].chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }).collect();
            code.replace_range(begin..begin + end, &blank);
        }
        code
    }
}

/// The place after the brace that closes the one at `opens`.
fn closing(code: &str, opens: usize) -> usize {
    let mut depth = 0_usize;
    for (place, letter) in code[opens..].char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 1 => return opens + place + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// The length of a letter in quotes, such as `'"'`; nothing for a lifetime.
fn letter(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('\'')?;
    let first = after.chars().next()?;
    if first == '\\' {
        // The escaped sign may be a quote itself.
        let end = after.char_indices().skip(2).find(|(_, letter)| *letter == '\'')?.0;
        return Some(1 + end + 1);
    }
    after[first.len_utf8()..].starts_with('\'').then_some(1 + first.len_utf8() + 1)
}

#[test]
fn code_comments_and_texts_are_told_apart() {
    let parts = Parts::of("a(\"b // \\\" c\"); // d \"e\"\nr#\"f \" g\"#; '\"'; '\\''; 'h: i; /* j\n' */ k<'l>");
    assert_eq!(parts.code.split_whitespace().collect::<String>(), "a();;;;'h:i;k<'l>");
    assert_eq!(parts.comments.split_whitespace().collect::<Vec<_>>().join(" "), "// d \"e\" /* j ' */");
    assert_eq!(parts.texts, [(1, "b // \\\" c".to_owned()), (2, "f \" g".to_owned())]);
    assert_eq!(parts.code.lines().count(), 3);
}

#[test]
fn tests_are_cut_out_of_the_code() {
    let parts = Parts::of("a;\n#[cfg(test)]\nmod b {\n  c { \"}\" }\n}\n#[cfg(test)]\n#[path = \"x.rs\"]\nmod d;\ne;");
    assert_eq!(parts.code_outside_tests().split_whitespace().collect::<Vec<_>>(), ["a;", "e;"]);
    assert_eq!(parts.code_outside_tests().lines().count(), 9);
}
