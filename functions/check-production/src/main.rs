//! AfterAllowTraffic: green must answer the configured requests through the production listener, while blue still lives.

mod handler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    let start = lambda::start(std::env::vars(), |_, _| Some(()));
    let handler = handler::Handler::new(start, &aws::Session::from_env().await);
    lambda::serve(|event, deadline| handler.handle(event, deadline)).await
}
