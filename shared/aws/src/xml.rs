//! Answers of the Query protocol, as far as a command reads them: elements by name, and lists of them.

/// The content of the first element of this name.
pub(crate) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (content, _) = rest.split_once(&format!("</{name}>"))?;
    Some(content)
}

/// The text of the first element of this name.
pub(crate) fn text(xml: &str, name: &str) -> Option<String> {
    let text = element(xml, name)?.trim();
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    Some(
        text.replace("&apos;", "'")
            .replace("&#39;", "'")
            .replace("&amp;", "&"),
    )
}

/// The contents of the members of the first list of this name. Members may hold lists themselves.
pub(crate) fn members<'a>(xml: &'a str, list: &str) -> Vec<&'a str> {
    const OPEN: &str = "<member>";
    const CLOSE: &str = "</member>";
    // Its end is looked for by its members: one of them may hold a list of the same name.
    let Some((_, mut rest)) = xml.split_once(&format!("<{list}>")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    while let Some(inside) = rest.trim_start().strip_prefix(OPEN) {
        let (mut depth, mut at) = (1, 0);
        while depth > 0 {
            let Some(ahead) = inside.get(at..) else {
                return found;
            };
            let Some(close) = ahead.find(CLOSE) else {
                return found;
            };
            match ahead.find(OPEN).filter(|open| *open < close) {
                Some(open) => {
                    depth += 1;
                    at += open + OPEN.len();
                }
                None => {
                    depth -= 1;
                    at += close + CLOSE.len();
                }
            }
        }
        let (member, after) = inside.split_at(at);
        found.push(member.strip_suffix(CLOSE).unwrap_or(member));
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_hold_lists_themselves() {
        let xml = "<A><List> <member><Name>a&amp;b</Name><Keys><member>x</member><member>y</member></Keys></member>\n<member><Name>c</Name>\
                   <Keys/></member></List></A><List><member>z</member></List>";
        let all = members(xml, "List");
        assert_eq!(all.len(), 2);
        assert_eq!(text(all[0], "Name").as_deref(), Some("a&b"));
        assert_eq!(members(all[0], "Keys"), ["x", "y"]);
        assert_eq!(text(all[1], "Name").as_deref(), Some("c"));
        assert_eq!(members(all[1], "Keys"), [""; 0]);
        assert_eq!(members("<List><member>broken", "List"), [""; 0]);
        assert_eq!(text("<A>", "A"), None);
    }
}
