//! The function: AWS Lambda starts it.

use rules::environment::Starting;
use start_deployment::Handler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let start = lambda::start(std::env::vars(), Starting::read);
    let handler = Handler::new(start, &aws::Session::from_env().await);
    lambda::serve(|event, deadline| handler.handle(event, deadline)).await
}
