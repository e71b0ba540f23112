//! `watch`: one tree that is redrawn on a terminal, and a line for each change elsewhere.

use rules::config::Pipeline;
use rules::progress::Progress;

use crate::arguments::{Common, Until, Watching};
use crate::changes;
use crate::ended::Ended;
use crate::following::{Following, Found};
use crate::page::Output;
use crate::stack::Stack;
use crate::{tree, wait};

pub(crate) async fn run(
    common: &Common,
    watching: &Watching,
    output: &Output,
) -> anyhow::Result<Ended> {
    let stack = Stack::find(common, output).await?;
    let pipeline = stack.named(&watching.pipeline)?;
    let mut following = Following::new(&stack, pipeline, None)?;
    let mut screen = Screen {
        pipeline,
        output,
        drawn: 0,
        before: None,
        is_waiting: false,
    };
    let is_done = |found: Found<'_>| match found {
        Found::Nothing(_) => screen.nothing().map(|()| None),
        Found::Deployment(engine, progress) => {
            screen.show(engine, &progress)?;
            let done = wait::done(pipeline, &progress, Until::Ended, output)?;
            Ok(done.map(|waited| waited.ended))
        }
    };
    let pause = watching.polling.pause();
    following.until(pause, output, is_done).await
}

/// What is on the terminal.
struct Screen<'a> {
    pipeline: &'a Pipeline,
    output: &'a Output,
    /// Rows of the last tree.
    drawn: usize,
    before: Option<Progress>,
    is_waiting: bool,
}

impl Screen<'_> {
    fn nothing(&mut self) -> anyhow::Result<()> {
        if std::mem::replace(&mut self.is_waiting, true) || self.output.json {
            return Ok(());
        }
        let place = self.pipeline.place();
        self.output.text(&format!(
            "nothing is under way on {place}; the next deployment is shown (Ctrl-C ends this)\n"
        ))
    }

    fn show(&mut self, engine: rules::engine::Engine, progress: &Progress) -> anyhow::Result<()> {
        if self.before.as_ref() == Some(progress) {
            return Ok(());
        }
        if self.output.json {
            let mut object = tree::to_json(progress);
            object["pipeline"] = self.pipeline.name.as_str().into();
            self.output.json(&object)?;
        } else if self.output.is_terminal {
            self.redraw(engine, progress)?;
        } else {
            for line in changes::lines(self.before.as_ref(), progress) {
                self.output.text(&format!("{line}\n"))?;
            }
        }
        self.before = Some(progress.clone());
        Ok(())
    }

    /// Goes up over the last tree and clears from there. What does not fit is left out: a line that has scrolled away cannot be
    /// redrawn.
    fn redraw(&mut self, engine: rules::engine::Engine, progress: &Progress) -> anyhow::Result<()> {
        let mut page = self.output.page();
        tree::draw(&mut page, self.pipeline, engine, progress);
        let text = page.into_text();
        let (_, height) = self.output.size();
        let mut rows = 0;
        let mut fitting = Vec::new();
        for line in text.lines() {
            let of_line = self.output.rows(line);
            if rows + of_line > height.saturating_sub(2) {
                break;
            }
            rows += of_line;
            fitting.push(line);
        }
        let back = match self.drawn {
            0 => String::new(),
            rows => format!("\u{1b}[{rows}F\u{1b}[J"),
        };
        self.drawn = rows;
        self.output.text(&format!("{back}{}\n", fitting.join("\n")))
    }
}
