//! The frames of the stream: eight bytes of header, then at most [`PAYLOAD_MAX`] bytes.
//!
//! ```text
//!   0       4      5          8
//!   | channel | kind | length | payload ...      big-endian; channel 0 is the stream itself
//! ```

/// The version of the protocol; both ends have to speak the same.
pub const PROTOCOL: u32 = 2;

/// The longest payload of one frame, in bytes.
pub const PAYLOAD_MAX: usize = 64 * 1024;

/// The length of a header, in bytes.
pub const HEADER_LEN: usize = 8;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The first frame of either end, on channel 0: JSON, see [`crate::message`].
    Hello,
    /// Asks for a [`Kind::Pong`] with the same eight bytes, on channel 0.
    Ping,
    /// Answers a [`Kind::Ping`].
    Pong,
    /// Opens a channel: JSON, see [`crate::message::Open`].
    Open,
    /// Bytes of the channel's main stream.
    Data,
    /// Bytes of the channel's second stream (standard error).
    DataErr,
    /// JSON about the channel, see [`crate::message::Message`].
    Message,
    /// Four bytes: how much more the other end may send on this channel.
    Credit,
    /// The sender is done with this channel; what it sent before counts.
    End,
    /// The sender has given the channel up; the payload is the reason, UTF-8.
    Reset,
    /// The very first frame of a virtual machine's guest, on channel 0: it has booted and waits for the host's hello.
    Ready,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::Hello,
        Self::Ping,
        Self::Pong,
        Self::Open,
        Self::Data,
        Self::DataErr,
        Self::Message,
        Self::Credit,
        Self::End,
        Self::Reset,
        Self::Ready,
    ];

    /// The byte in the header.
    pub const fn byte(self) -> u8 {
        self as u8 + 1
    }

    /// The kind that a byte stands for.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte).checked_sub(1)?).copied()
    }

    /// Whether frames of this kind count against the channel's credit.
    pub const fn is_metered(self) -> bool {
        matches!(self, Self::Data | Self::DataErr | Self::Message)
    }

    /// Which payload lengths are in order.
    const fn lengths(self) -> (usize, usize) {
        match self {
            Self::Hello | Self::Open | Self::Data | Self::DataErr | Self::Message => {
                (1, PAYLOAD_MAX)
            }
            Self::Ping | Self::Pong => (8, 8),
            Self::Credit => (4, 4),
            Self::End | Self::Ready => (0, 0),
            Self::Reset => (0, 4096),
        }
    }
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    channel: u32,
    kind: Kind,
    len: usize,
}

/// Why eight bytes are not a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeader {
    /// No kind has this byte.
    #[error("unknown kind of frame {0}")]
    Kind(u8),
    /// The kind cannot have this length.
    #[error("a {kind:?} frame of {len} bytes")]
    Length {
        /// The kind.
        kind: Kind,
        /// The length.
        len: usize,
    },
    /// The kind does not belong on this channel.
    #[error("a {kind:?} frame on channel {channel}")]
    Channel {
        /// The kind.
        kind: Kind,
        /// The channel.
        channel: u32,
    },
}

impl Header {
    /// A header, checked.
    pub fn new(channel: u32, kind: Kind, len: usize) -> Result<Self, InvalidHeader> {
        let (min, max) = kind.lengths();
        if len < min || len > max {
            return Err(InvalidHeader::Length { kind, len });
        }
        let of_stream = matches!(kind, Kind::Hello | Kind::Ping | Kind::Pong | Kind::Ready);
        if of_stream != (channel == 0) {
            return Err(InvalidHeader::Channel { kind, channel });
        }
        Ok(Self { channel, kind, len })
    }

    /// Reads a header.
    pub fn parse(bytes: [u8; HEADER_LEN]) -> Result<Self, InvalidHeader> {
        let [c0, c1, c2, c3, kind, l0, l1, l2] = bytes;
        let kind = Kind::from_byte(kind).ok_or(InvalidHeader::Kind(kind))?;
        let len = usize::from(l0) << 16 | usize::from(l1) << 8 | usize::from(l2);
        Self::new(u32::from_be_bytes([c0, c1, c2, c3]), kind, len)
    }

    /// Writes the header.
    pub fn to_bytes(self) -> [u8; HEADER_LEN] {
        let [c0, c1, c2, c3] = self.channel.to_be_bytes();
        let len = u32::try_from(self.len).expect("a checked length is below 2^24");
        let [_, l0, l1, l2] = len.to_be_bytes();
        [c0, c1, c2, c3, self.kind.byte(), l0, l1, l2]
    }

    /// The channel; 0 is the stream itself.
    pub const fn channel(self) -> u32 {
        self.channel
    }

    /// What the frame is.
    pub const fn kind(self) -> Kind {
        self.kind
    }

    /// How many bytes of payload follow.
    pub const fn payload_len(self) -> usize {
        self.len
    }
}

/// A whole frame as it goes over the stream.
///
/// # Panics
/// Where the payload does not fit the kind; payloads are made, and cut, by this house.
pub fn encode(channel: u32, kind: Kind, payload: &[u8]) -> Vec<u8> {
    let header = Header::new(channel, kind, payload.len()).expect("our own frames are in order");
    let mut frame = Vec::with_capacity(HEADER_LEN + payload.len());
    frame.extend_from_slice(&header.to_bytes());
    frame.extend_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_eight_bytes_are_a_header_or_refused(bytes in any::<[u8; HEADER_LEN]>()) {
            if let Ok(header) = Header::parse(bytes) {
                prop_assert_eq!(header.to_bytes(), bytes);
                prop_assert!(header.payload_len() <= PAYLOAD_MAX);
            }
        }
    }

    #[test]
    fn every_kind_survives_its_byte() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_byte(kind.byte()), Some(kind));
        }
    }

    #[test]
    fn empty_data_is_refused_because_it_would_cost_nothing() {
        let bytes = [0, 0, 0, 1, Kind::Data.byte(), 0, 0, 0];
        assert_eq!(Header::parse(bytes), Err(InvalidHeader::Length { kind: Kind::Data, len: 0 }));
    }

    #[test]
    fn a_hello_belongs_on_channel_zero_only() {
        assert!(Header::new(1, Kind::Hello, 5).is_err());
        assert!(Header::new(0, Kind::Data, 5).is_err());
        assert!(Header::new(1, Kind::Ready, 0).is_err());
    }
}
