//! Speaks QMP, QEMU's own protocol: one JSON object a line, a greeting first, an answer to each command, events between.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
};
use tokio::io::{BufReader, ReadHalf, WriteHalf};

/// The longest line that is read, in bytes.
const LINE_MAX: u64 = 1024 * 1024;

/// How long QEMU may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// What QEMU said, or why it said nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QmpError {
    /// The connection is gone.
    #[error("QEMU is gone")]
    Gone,
    /// It does not answer.
    #[error("QEMU does not answer")]
    Late,
    /// What it said is not QMP.
    #[error("QEMU says something else than QMP")]
    Strange,
    /// It refused a command.
    #[error("QEMU refuses `{command}`: {reason}")]
    Refused {
        /// The command.
        command: String,
        /// Its words.
        reason: String,
    },
}

/// A connection whose two ends have greeted each other.
#[derive(Debug)]
pub(crate) struct Qmp<S> {
    reader: BufReader<ReadHalf<S>>,
    writer: WriteHalf<S>,
}

impl<S: AsyncRead + AsyncWrite> Qmp<S> {
    /// Waits for the greeting and answers it.
    pub(crate) async fn greet(stream: S) -> Result<Self, QmpError> {
        let (reader, writer) = tokio::io::split(stream);
        let mut qmp = Self { reader: BufReader::new(reader), writer };
        let greeting = tokio::time::timeout(ANSWER_MAX, qmp.line()).await;
        let greeting = greeting.map_err(|_| QmpError::Late)??;
        if greeting.get("QMP").is_none() {
            return Err(QmpError::Strange);
        }
        qmp.execute("qmp_capabilities", &json!({})).await?;
        Ok(qmp)
    }

    /// Has a command carried out; events meanwhile are passed over.
    pub(crate) async fn execute(
        &mut self,
        command: &str,
        arguments: &Value,
    ) -> Result<Value, QmpError> {
        let mut line = json!({ "execute": command, "arguments": arguments }).to_string();
        line.push('\n');
        self.writer.write_all(line.as_bytes()).await.map_err(|_| QmpError::Gone)?;
        let answer = async {
            loop {
                let mut said = self.line().await?;
                if let Some(error) = said.get("error") {
                    let reason = error.get("desc").and_then(Value::as_str).unwrap_or("no reason");
                    let (command, reason) = (command.to_owned(), reason.to_owned());
                    return Err(QmpError::Refused { command, reason });
                }
                if let Some(answer) = said.get_mut("return") {
                    return Ok(answer.take());
                }
                if said.get("event").is_none() {
                    return Err(QmpError::Strange);
                }
            }
        };
        tokio::time::timeout(ANSWER_MAX, answer).await.map_err(|_| QmpError::Late)?
    }

    async fn line(&mut self) -> Result<Value, QmpError> {
        let mut line = Vec::new();
        let mut limited = (&mut self.reader).take(LINE_MAX);
        match limited.read_until(b'\n', &mut line).await {
            Ok(1..) => serde_json::from_slice(&line).map_err(|_| QmpError::Strange),
            _ => Err(QmpError::Gone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A QEMU that says these lines, whatever it is told.
    async fn with(lines: &[&str]) -> Result<Value, String> {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        theirs.write_all(lines.join("\n").as_bytes()).await.unwrap();
        theirs.shutdown().await.unwrap();
        let mut qmp = Qmp::greet(ours).await.map_err(|e| e.to_string())?;
        qmp.execute("query-kvm", &json!({})).await.map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn answers_come_after_a_greeting_and_between_events() {
        let greeting = r#"{"QMP": {"version": {}, "capabilities": []}}"#;
        let event = r#"{"event": "RESUME", "timestamp": {}}"#;
        let answer = r#"{"return": {"enabled": false}}"#;
        let answered = with(&[greeting, r#"{"return": {}}"#, event, answer, ""]).await;
        assert_eq!(answered, Ok(json!({ "enabled": false })));
        let error = r#"{"error": {"class": "GenericError", "desc": "no"}}"#;
        let refused = with(&[greeting, r#"{"return": {}}"#, error, ""]).await;
        assert_eq!(refused, Err("QEMU refuses `query-kvm`: no".to_owned()));
        assert_eq!(with(&[""]).await, Err("QEMU is gone".to_owned()));
        let strange = Err("QEMU says something else than QMP".to_owned());
        assert_eq!(with(&["hello", ""]).await, strange);
        assert_eq!(with(&[greeting, "1", ""]).await, strange);
        assert_eq!(with(&[greeting, ""]).await, Err("QEMU is gone".to_owned()));
    }
}
