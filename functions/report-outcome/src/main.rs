//! Reports what became of a deployment, and stops a migration that outlived its deployment.

mod explain;
mod handler;
mod look;
mod observe;

use rules::environment::Reporting;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let start = lambda::start(std::env::vars(), Reporting::read);
    let handler = handler::Handler::new(start, &aws::Session::from_env().await);
    lambda::serve(|event, deadline| handler.handle(event, deadline)).await
}
