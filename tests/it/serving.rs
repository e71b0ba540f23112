//! A local AWS as `rehearsal serve` keeps it up, for tests that talk to it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::repository;
use crate::scenarios::run::binaries;

/// Who is not answered by then never will be: no machine is as slow as that.
pub(crate) const HUNG: Duration = Duration::from_secs(300);

/// A local AWS, which ends with the test.
pub(crate) struct Serving {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    /// The pipelines file that it plays with.
    pub(crate) pipelines: String,
}

impl Serving {
    pub(crate) fn start(options: &[impl AsRef<OsStr>]) -> Serving {
        let mut child = Command::new(binaries().join("rehearsal"))
            .args(["serve", "--port", "0", "--binaries"])
            .arg(binaries())
            .args(options)
            .current_dir(repository::root())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let mut exported = |before: &str| {
            let found = lines.find_map(|line| {
                let value = line.strip_prefix(before)?.strip_suffix('\'')?;
                Some(value.to_owned())
            });
            found.unwrap()
        };
        let address = exported("export AWS_ENDPOINT_URL='http://");
        let pipelines = exported("export GREENLIGHT_CONFIG='");
        lines.find(|line| line == "# ready").unwrap();
        // Nobody reads what it says from here on.
        thread::spawn(move || lines.for_each(drop));
        Serving {
            child,
            address: address.parse().unwrap(),
            pipelines,
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // As `docker stop` ends it: killed, it would leave the tasks' programs behind.
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .stderr(Stdio::null())
            .status();
        if !asked.is_ok_and(|asked| asked.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
