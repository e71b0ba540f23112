//! Starts the deployment that is due, or reports why not.

mod act;
mod act_on_ecs;
mod handler;
mod migrate;
mod register;
mod report;
mod together;

use rules::environment::Starting;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let start = lambda::start(std::env::vars(), Starting::read);
    let handler = handler::Handler::new(start, &aws::Session::from_env().await);
    lambda::serve(|event, deadline| handler.handle(event, deadline)).await
}
