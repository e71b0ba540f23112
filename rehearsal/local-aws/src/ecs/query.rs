//! The cluster query language: what an expression of a `memberOf` constraint says of a container instance (ECS Developer Guide,
//! "Create expressions to define container instances for Amazon ECS tasks").

use regex_lite::Regex;

/// An expression.
#[derive(Debug, Clone)]
pub enum Query {
    /// `SUBJECT OPERATOR VALUE`
    Is(String, Test),
    Not(Box<Query>),
    And(Vec<Query>),
    Or(Vec<Query>),
}

/// What is asked of a subject's values.
#[derive(Debug, Clone)]
pub enum Test {
    Exists,
    Equals(String),
    In(Vec<String>),
    Matches(Regex),
    /// Numbers are compared as numbers.
    Order(Order, f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Less,
    AtMost,
    AtLeast,
    Greater,
}

impl Query {
    /// `None` for what is no expression.
    pub fn read(text: &str) -> Option<Query> {
        let mut words = words(text)?;
        words.reverse();
        let query = any(&mut words)?;
        words.is_empty().then_some(query)
    }

    /// Whether a container instance has it; `values` gives the values of a subject such as `attribute:disk`.
    pub fn holds(&self, values: &dyn Fn(&str) -> Vec<String>) -> bool {
        match self {
            Query::Not(inner) => !inner.holds(values),
            Query::And(all) => all.iter().all(|one| one.holds(values)),
            Query::Or(all) => all.iter().any(|one| one.holds(values)),
            Query::Is(subject, test) => values(subject).iter().any(|value| test.holds(value)),
        }
    }
}

impl Test {
    fn holds(&self, value: &str) -> bool {
        match self {
            Test::Exists => true,
            Test::Equals(wanted) => value == wanted,
            Test::In(wanted) => wanted.iter().any(|one| one == value),
            Test::Matches(pattern) => pattern.is_match(value),
            Test::Order(order, bound) => value.parse().is_ok_and(|value: f64| match order {
                Order::Less => value < *bound,
                Order::AtMost => value <= *bound,
                Order::AtLeast => value >= *bound,
                Order::Greater => value > *bound,
            }),
        }
    }
}

/// Words, brackets, commas and operators.
fn words(text: &str) -> Option<Vec<String>> {
    const OPERATORS: [&str; 8] = ["==", "!=", ">=", "<=", "=~", "!~", ">", "<"];
    let (mut words, mut rest) = (Vec::new(), text.trim_start());
    while let Some(first) = rest.chars().next() {
        let length = match OPERATORS.iter().find(|one| rest.starts_with(**one)) {
            Some(operator) => operator.len(),
            None if "()[],!".contains(first) => 1,
            None => rest
                .find(|c: char| c.is_whitespace() || "()[],!<>=".contains(c))
                .unwrap_or(rest.len()),
        };
        // A single `=` is nothing.
        if length == 0 {
            return None;
        }
        words.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Some(words)
}

/// The words are in reverse order, so that the next one is the last.
type Words = Vec<String>;

fn is_next(words: &mut Words, names: &[&str]) -> bool {
    let is = words
        .last()
        .is_some_and(|word| names.contains(&word.as_str()));
    if is {
        words.pop();
    }
    is
}

fn any(words: &mut Words) -> Option<Query> {
    let mut all = vec![every(words)?];
    while is_next(words, &["or", "||"]) {
        all.push(every(words)?);
    }
    Some(Query::Or(all))
}

fn every(words: &mut Words) -> Option<Query> {
    let mut all = vec![one(words)?];
    while is_next(words, &["and", "&&"]) {
        all.push(one(words)?);
    }
    Some(Query::And(all))
}

fn one(words: &mut Words) -> Option<Query> {
    if is_next(words, &["not", "!"]) {
        return Some(Query::Not(Box::new(one(words)?)));
    }
    if is_next(words, &["("]) {
        let inner = any(words)?;
        return is_next(words, &[")"]).then_some(inner);
    }
    let subject = words.pop()?;
    // `!exists` and `!in` are two words.
    let negated = is_next(words, &["!"]);
    let operator = words.pop()?;
    let (test, is_not) = test(&operator, words)?;
    let is = Query::Is(subject, test);
    Some(match negated != is_not {
        true => Query::Not(Box::new(is)),
        false => is,
    })
}

/// A test, and whether it is about the contrary.
fn test(operator: &str, words: &mut Words) -> Option<(Test, bool)> {
    let ordered = |order: Order, words: &mut Words| {
        let bound = words.pop()?.parse().ok()?;
        Some((Test::Order(order, bound), false))
    };
    match operator {
        "==" | "equals" => Some((Test::Equals(words.pop()?), false)),
        "!=" | "not_equals" => Some((Test::Equals(words.pop()?), true)),
        "exists" => Some((Test::Exists, false)),
        "not_exists" => Some((Test::Exists, true)),
        "in" => Some((Test::In(list(words)?), false)),
        "not_in" => Some((Test::In(list(words)?), true)),
        "=~" | "matches" => Some((Test::Matches(pattern(words)?), false)),
        "!~" | "not_matches" => Some((Test::Matches(pattern(words)?), true)),
        ">" | "greater_than" => ordered(Order::Greater, words),
        ">=" | "greater_than_equal" => ordered(Order::AtLeast, words),
        "<" | "less_than" => ordered(Order::Less, words),
        "<=" | "less_than_equal" => ordered(Order::AtMost, words),
        _ => None,
    }
}

fn pattern(words: &mut Words) -> Option<Regex> {
    Regex::new(&format!("^(?:{})$", words.pop()?)).ok()
}

fn list(words: &mut Words) -> Option<Vec<String>> {
    if !is_next(words, &["["]) {
        return None;
    }
    let mut list = vec![words.pop()?];
    while is_next(words, &[","]) {
        list.push(words.pop()?);
    }
    is_next(words, &["]"]).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the expression holds of an instance; `None` where it is none.
    fn check(expression: &str) -> Option<bool> {
        let values = |subject: &str| -> Vec<String> {
            let values: &[&str] = match subject {
                "attribute:ecs.instance-type" => &["t3.medium"],
                "attribute:disk" => &["ssd"],
                "attribute:size" => &["12"],
                "task:group" => &["service:web", "family:job"],
                _ => &[],
            };
            values.iter().map(|value| (*value).to_owned()).collect()
        };
        Query::read(expression).map(|query| query.holds(&values))
    }

    #[test]
    fn expressions_are_read_as_the_developer_guide_writes_them() {
        for (expression, expected) in [
            ("attribute:ecs.instance-type == t3.medium", true),
            ("attribute:ecs.instance-type==t3.small", false),
            ("attribute:ecs.instance-type =~ t3.*", true),
            ("attribute:ecs.instance-type !~ t2.*", true),
            ("attribute:ecs.instance-type in [t2.small, t3.medium]", true),
            (
                "attribute:ecs.instance-type !in [t2.small,t3.medium]",
                false,
            ),
            ("attribute:ecs.instance-type not_in [t2.small]", true),
            ("attribute:disk exists", true),
            ("attribute:disk !exists", false),
            ("attribute:other not_exists", true),
            ("attribute:other != ssd", true),
            ("attribute:size > 9", true),
            ("attribute:size <= 11", false),
            ("task:group == service:web", true),
            ("not(task:group == service:web)", false),
            (
                "attribute:disk == hdd or attribute:disk == ssd and attribute:size >= 12",
                true,
            ),
            (
                "(attribute:disk == hdd or attribute:disk == ssd) and attribute:size > 12",
                false,
            ),
        ] {
            assert_eq!(check(expression), Some(expected), "{expression}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for expression in [
            "",
            "attribute:disk",
            "attribute:disk ==",
            "attribute:disk = ssd",
            "attribute:disk == ssd attribute:size > 1",
            "attribute:disk in ssd",
            "attribute:disk in [ssd",
            "(attribute:disk exists",
            "attribute:size > many",
            "attribute:disk =~ (",
        ] {
            assert_eq!(check(expression), None, "{expression}");
        }
    }
}
