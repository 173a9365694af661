//! Payloads: content under a salted digest, which can be erased and stays named.

use std::sync::Arc;

use domain::Digest;

use super::sample::{Sample, at};
use crate::error::CommitError;
use crate::port::{Erased, Store};
use crate::record::payload::{PAYLOAD_MAX_BYTES, salted_digest};
use crate::record::{Payload, StoredPayload};
use crate::transaction::Transaction;

fn put(payload: &Payload) -> Transaction {
    Transaction { payloads: vec![payload.clone()], ..Transaction::default() }
}

/// The digest says nothing about short content to who does not know the salt.
pub async fn a_payload_is_kept_under_its_salted_digest(store: &Arc<dyn Store>) {
    let sample = Sample::default();
    let run = sample.run("work").id;
    let payload = Payload::new([3; 32], b"yes\0\xff".to_vec(), Some(run));
    let twin = Payload::new([4; 32], b"yes\0\xff".to_vec(), Some(run));
    assert_ne!(payload.digest(), twin.digest());
    assert_eq!(payload.digest(), salted_digest(&[3; 32], b"yes\0\xff"));
    store.commit(put(&payload)).await.expect("a payload is kept");
    store.commit(put(&twin)).await.expect("a payload is kept");
    let read = store.payload(payload.digest()).await.expect("payloads are read");
    assert_eq!(read, Some(StoredPayload::Kept(payload.clone())));
    let mut expected = [payload.digest(), twin.digest()];
    expected.sort_unstable();
    let digests = store.payloads_of(run, None, 0).await.expect("payloads are read");
    assert_eq!(digests, expected);
    let first = store.payloads_of(run, None, 1).await.expect("payloads are read");
    assert_eq!(first, expected[..1]);
    let second = store.payloads_of(run, Some(expected[0]), 5).await.expect("payloads are read");
    assert_eq!(second, expected[1..]);
    let twice = store.commit(put(&payload)).await;
    assert!(matches!(twice, Err(CommitError::Duplicate { what: "payload", .. })), "{twice:?}");
    let huge = Payload::new([5; 32], vec![0; PAYLOAD_MAX_BYTES + 1], None);
    let refused = store.commit(put(&huge)).await;
    assert!(matches!(refused, Err(CommitError::TooLarge { what: "payload", .. })), "{refused:?}");
}

/// Bytes and salt are gone; that there was something is not.
pub async fn an_erased_payload_leaves_its_digest(store: &Arc<dyn Store>) {
    let payload = Payload::new([3; 32], b"a name and an address".to_vec(), None);
    let other = Payload::new([3; 32], b"a number".to_vec(), None);
    store.commit(put(&payload)).await.expect("a payload is kept");
    store.commit(put(&other)).await.expect("a payload is kept");
    let unknown = Digest::of(b"never stored");
    let erased = store.erase(&[payload.digest(), unknown], at(5)).await;
    let done = |payloads| Erased { payloads, from_disk: true };
    assert_eq!(erased.expect("payloads are erased"), done(1));
    let again = store.erase(&[payload.digest()], at(6)).await;
    assert_eq!(again.expect("payloads are erased"), done(0));
    let read = store.payload(payload.digest()).await.expect("payloads are read");
    assert_eq!(read, Some(StoredPayload::Erased { at: at(5) }));
    let kept = store.payload(other.digest()).await.expect("payloads are read");
    assert_eq!(kept, Some(StoredPayload::Kept(other)));
    assert_eq!(store.payload(unknown).await.expect("payloads are read"), None);
    let back = store.commit(put(&payload)).await;
    assert!(back.is_err(), "what was erased does not come back by itself");
    assert_eq!(store.check_integrity().await.expect("the store is read"), []);
}
