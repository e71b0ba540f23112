//! AfterInstall: starts the migration as a one-off task of green's revision. `finish-migration` answers the hook.

mod handler;

use rules::environment::TimeOutSchedule;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let start = lambda::start(std::env::vars(), TimeOutSchedule::read);
    let handler = handler::Handler::new(start, &aws::Session::from_env().await);
    lambda::serve(|event, deadline| handler.handle(event, deadline)).await
}
