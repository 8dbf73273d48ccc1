//! The equality contract for the network alone: 300 rows and the digest of their logits, made with kernels that
//! multiply, round, add, round. Fused multiply-add gives another digest.

use attune::model::Model;
use prost::Message;
use sha2::{Digest, Sha256};

mod network;

const ROWS: usize = 300;
/// SHA-256 of the logits' bytes, little-endian.
const LOGITS: &str = "d95d49f705e9e03f5940bc3312cce6ba19ae565908a20f2dcf9963634c6a4a9c";

#[test]
fn logits_keep_their_bits() {
    // Used by the unit tests of the guard as well.
    let _ = (
        network::node("Relu", &["a"], "b"),
        network::tensor("c", &[1], &[0.0]),
        network::value("d", &[None]),
    );
    let model = Model::load(&network::student().encode_to_vec()).unwrap();
    let (additive, embedding) = network::rows(ROWS);
    assert_eq!((additive.len(), embedding.len()), (ROWS * network::HEADS, ROWS * network::E));
    let logits = model.run(ROWS, &additive, &embedding).unwrap();
    assert_eq!(logits.len(), ROWS * network::HEADS);
    let bytes: Vec<u8> = logits.iter().flat_map(|logit| logit.to_le_bytes()).collect();
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, LOGITS);
}
