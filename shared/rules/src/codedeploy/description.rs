//! The description of a deployment: which images, when each was ordered, and by which tag.

mod short;

use time::UtcDateTime;

use super::Deployment;
use crate::config::Pipeline;
use crate::names::{Digest, Image, Mark};
use crate::start::{Brings, Due, Order, moment, read_moment};

const BEGINNING: &str = "greenlight ";
/// CodeDeploy User Guide, limits: a deployment's description. Versions before the time of the order was in it cut theirs
/// to this length; today's are never longer, whatever the tags.
const CHARACTERS_AT_MOST: usize = 256;

/// What stands before the number of the revision whose settings a deployment brings: no tag has a colon.
const TEMPLATE: &str = ":";
/// The same where the deployment was started for these settings alone.
const SETTINGS: &str = "settings:";

/// How many images a deployment ships at most: so many digests with their marks fit in a description.
pub const IMAGES_AT_MOST: usize = 3;

/// An image that a deployment ships, as its description names it.
#[derive(Debug, Clone, Copy)]
pub struct Ordered<'a> {
    /// The image.
    pub image: &'a Image,
    /// When it was ordered.
    pub ordered_at: UtcDateTime,
    /// Whose it is; none where its pipeline is the only one of the service.
    pub mark: Option<&'a Mark>,
}

/// The description that a deployment of these images gets: `greenlight`, and for each image `<digest> <RFC 3339 time of the order>
/// <tag>`. In a service of several pipelines `<mark>=` stands before each digest. A deployment that was requested by digest
/// has no tag.
///
/// One image always fits. Where several do not, digests and times are written short, and then the longest tags are
/// left out; a digest and a time never are. At most [`IMAGES_AT_MOST`] are named, and the caller ships no more.
///
/// Under `revision_from = "latest"` the number of the revision whose settings the deployment brings follows, as `:5`, or as
/// `settings:5` where it was started for them alone.
pub fn description(images: &[Ordered<'_>], brings: Option<Brings>) -> String {
    let images = &images[..images.len().min(IMAGES_AT_MOST)];
    let suffixes = suffixes(brings);
    let fits = |text: &str| text.len() <= CHARACTERS_AT_MOST;
    for form in [Form::Long, Form::Short] {
        let words: Vec<Words> = images.iter().map(|image| Words::of(image, form)).collect();
        // Beside long tags the shorter word still has room, and only messages are the poorer for it.
        let mut texts = suffixes.iter().map(|suffix| joined(&words, suffix));
        if let Some(text) = texts.find(|text| fits(text)) {
            return text;
        }
    }
    let mut words: Vec<Words> = images
        .iter()
        .map(|image| Words::of(image, Form::Short))
        .collect();
    let shortest = suffixes.last().map_or("", String::as_str);
    loop {
        let text = joined(&words, shortest);
        if fits(&text) || !leave_out_the_longest_tag(&mut words) {
            return text;
        }
    }
}

/// What follows the images: at least one, the shortest last.
fn suffixes(brings: Option<Brings>) -> Vec<String> {
    let Some(Brings { template, due }) = brings else {
        return vec![String::new()];
    };
    let number = format!(" {TEMPLATE}{template}");
    match due {
        Due::Image => vec![number],
        Due::Settings => vec![format!(" {SETTINGS}{template}"), number],
    }
}

/// How digests and times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As people know them.
    Long,
    /// With fewer characters; a digest only behind a mark.
    Short,
}

/// What a description says of one image.
struct Words {
    image: String,
    time: String,
    tag: Option<String>,
}

impl Words {
    fn of(ordered: &Ordered<'_>, form: Form) -> Self {
        let digest = &ordered.image.digest;
        Self {
            image: match (ordered.mark, form) {
                (Some(mark), Form::Long) => format!("{mark}={digest}"),
                (Some(mark), Form::Short) => format!("{mark}={}", short::digest(digest)),
                (None, _) => digest.to_string(),
            },
            time: match form {
                Form::Long => moment(ordered.ordered_at),
                Form::Short => short::moment(ordered.ordered_at),
            },
            tag: ordered.image.tag.as_ref().map(ToString::to_string),
        }
    }

    fn joined(&self) -> String {
        let words = [Some(&self.image), Some(&self.time), self.tag.as_ref()];
        let words: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
        words.join(" ")
    }
}

fn joined(words: &[Words], suffix: &str) -> String {
    let text: Vec<String> = words.iter().map(Words::joined).collect();
    format!("{BEGINNING}{}{suffix}", text.join(" "))
}

/// False where no tag is left.
fn leave_out_the_longest_tag(words: &mut [Words]) -> bool {
    let length = |words: &&mut Words| words.tag.as_ref().map_or(0, String::len);
    let longest = words.iter_mut().max_by_key(length);
    longest.is_some_and(|words| words.tag.take().is_some())
}

fn read_time(word: &str) -> Option<UtcDateTime> {
    read_moment(word).or_else(|| short::read_moment(word))
}

/// An order that a description states, and whose image it is; none in a deployment of a service's only pipeline.
struct Stated {
    mark: Option<Mark>,
    order: Order,
}

/// The orders that a deployment carries out, from its description; none where a person or another tool wrote that.
fn stated(deployment: &Deployment) -> Vec<Stated> {
    let description = deployment.description.as_deref();
    let Some(words) = description.and_then(|text| text.strip_prefix(BEGINNING)) else {
        return Vec::new();
    };
    let mut words = words.split(' ').peekable();
    let mut stated = Vec::new();
    while let Some((mark, digest)) = words.peek().copied().and_then(read_image) {
        words.next();
        let time = words.next_if(|word| read_time(word).is_some());
        let tag = match time {
            Some(_) => {
                words.next_if(|word| read_image(word).is_none() && read_brings(word).is_none())
            }
            None => None,
        };
        stated.push(Stated {
            mark,
            order: Order {
                digest,
                ordered_at: time.and_then(read_time),
                tag: tag.and_then(|tag| tag.parse().ok()),
                repository: None,
                brings: None,
            },
        });
    }
    // What a deployment brings it brings with each of its images.
    if let Some(brings) = words.peek().and_then(|word| read_brings(word)) {
        for Stated { order, .. } in &mut stated {
            order.brings = order.ordered_at.map(|_| brings);
        }
    }
    if let ([Stated { order, .. }], Some(name)) = (stated.as_mut_slice(), words.next())
        && order.ordered_at.is_none()
    {
        add_older(order, name, deployment);
    }
    stated
}

/// `<digest>` or `<mark>=<digest>`, which may be short.
fn read_image(word: &str) -> Option<(Option<Mark>, Digest)> {
    match word.split_once('=') {
        Some((mark, digest)) => {
            let long = digest.parse().ok();
            let digest = long.or_else(|| short::read_digest(digest))?;
            Some((Some(mark.parse().ok()?), digest))
        }
        None => Some((None, word.parse().ok()?)),
    }
}

/// `:5` or `settings:5`.
fn read_brings(word: &str) -> Option<Brings> {
    let (number, due) = match word.strip_prefix(SETTINGS) {
        Some(number) => (number, Due::Settings),
        None => (word.strip_prefix(TEMPLATE)?, Due::Image),
    };
    let template = number.parse().ok()?;
    Some(Brings { template, due })
}

/// Versions that wrote no time wrote `<repository>:<tag>` in its place.
fn add_older(order: &mut Order, name: &str, deployment: &Deployment) {
    let (name, tag) = match name.split_once(':') {
        Some((name, tag)) => (name, Some(tag)),
        None => (name, None),
    };
    order.repository = name.parse().ok();
    // A description of that length was cut, most likely in the middle of its tag.
    let length = deployment
        .description
        .as_deref()
        .map(|text| text.chars().count());
    let whole = length.is_some_and(|length| length < CHARACTERS_AT_MOST);
    order.tag = tag.filter(|_| whole).and_then(|tag| tag.parse().ok());
}

/// Whose image a deployment ships, as a pipeline sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    AnotherPipelines,
    /// No mark says: the service had one pipeline when the deployment was created, and has several now.
    NotSaid,
}

impl Stated {
    fn whose(&self, pipeline: &Pipeline) -> Whose {
        match &self.mark {
            Some(mark) if *mark == pipeline.mark => Whose::Ours,
            Some(_) => Whose::AnotherPipelines,
            None if pipeline.is_alone => Whose::Ours,
            None => Whose::NotSaid,
        }
    }
}

/// The order of a deployment that is the pipeline's; none where it ships no image of it. Where it is not said whose it is, only
/// the digest can show that, and a tag is not taken for one that the pipeline followed.
pub(crate) fn order(pipeline: &Pipeline, deployment: &Deployment) -> Option<Order> {
    let mut stated = stated(deployment).into_iter();
    stated.find_map(|stated| match stated.whose(pipeline) {
        Whose::Ours => Some(stated.order),
        Whose::NotSaid => Some(Order {
            tag: None,
            ..stated.order
        }),
        Whose::AnotherPipelines => None,
    })
}

/// The order of the pipeline's image that has this digest, which shows whose it is where no mark does.
pub(super) fn order_of(
    pipeline: &Pipeline,
    deployment: &Deployment,
    digest: &Digest,
) -> Option<Order> {
    let mut stated = stated(deployment).into_iter();
    let found = stated.find(|stated| {
        stated.order.digest == *digest && stated.whose(pipeline) != Whose::AnotherPipelines
    });
    found.map(|stated| stated.order)
}

/// The orders of a deployment that are those of the service's other pipelines.
pub(super) fn beside(pipeline: &Pipeline, deployment: &Deployment) -> Vec<Order> {
    let stated = stated(deployment).into_iter();
    stated
        .filter(|stated| stated.whose(pipeline) == Whose::AnotherPipelines)
        .map(|stated| stated.order)
        .collect()
}

/// Whether it is said which pipeline's image this deployment ships for certain.
pub(super) fn is_ours(pipeline: &Pipeline, deployment: &Deployment) -> bool {
    let mut stated = stated(deployment).into_iter();
    stated.any(|stated| stated.whose(pipeline) == Whose::Ours)
}

/// The digest that a deployment ships for the pipeline; none where its description does not name one.
pub fn shipped(pipeline: &Pipeline, deployment: &Deployment) -> Option<Digest> {
    order(pipeline, deployment).map(|order| order.digest)
}

/// The image that a deployment ships for the pipeline; none where its description does not say so.
pub(crate) fn shipped_image(pipeline: &Pipeline, deployment: &Deployment) -> Option<Image> {
    let ours = is_ours(pipeline, deployment);
    let order = order(pipeline, deployment).filter(|_| ours)?;
    Some(order.image(&pipeline.repository))
}

/// Whose settings a deployment brings; none where its description does not say so.
pub(crate) fn brings(deployment: &Deployment) -> Option<Brings> {
    let mut stated = stated(deployment).into_iter();
    stated.find_map(|stated| stated.order.brings)
}

/// The number of the revision whose settings a deployment brings, where it was started for them alone.
pub(crate) fn settings_alone(deployment: &Deployment) -> Option<u32> {
    let brings = brings(deployment)?;
    (brings.due == Due::Settings).then_some(brings.template)
}

#[cfg(test)]
mod tests;
