//! Random histories of the queue, with shrinking.

use proptest::prelude::*;
use store::conformance::model::{Op, replay};

fn op() -> impl Strategy<Value = Op> {
    (any::<u8>(), 0..12_u8, any::<u16>())
        .prop_map(|(kind, pick, amount)| Op::from_numbers(kind, pick, amount))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_history_agrees_with_the_model(history in prop::collection::vec(op(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        super::block_on(replay(&super::open(dir.path()), &history));
    }
}
