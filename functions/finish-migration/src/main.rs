//! Answers the AfterInstall hook when the migration task has stopped, or when its time is over; of a rolling service's migration it
//! writes the end on the revision.

mod handler;

use rules::environment::Scheduling;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let start = lambda::start(std::env::vars(), Scheduling::read);
    let handler = handler::Handler::new(start, &aws::Session::from_env().await);
    lambda::serve(|event, deadline| handler.handle(event, deadline)).await
}
