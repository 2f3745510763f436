//! Frames: JSON with a four-byte big-endian length before it.
//!
//! The length is checked before anything is allocated, and memory grows with what really arrives: a client that announces
//! much and sends nothing costs nothing.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Why a frame could not be read or written.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The other side is gone, at a frame's edge.
    #[error("the connection was closed")]
    Closed,
    /// The other side is gone in the middle of a frame.
    #[error("the connection ended after {got} of {expected} bytes of a frame")]
    Half {
        /// Bytes that came.
        got: usize,
        /// Bytes announced.
        expected: usize,
    },
    /// Longer than allowed.
    #[error("a frame of {bytes} bytes; at most {limit} are allowed")]
    TooLong {
        /// Bytes announced.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Not JSON, or not of this protocol.
    #[error("the frame cannot be read: {0}")]
    NotUnderstood(#[from] serde_json::Error),
    /// The system's.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
}

/// Reads one frame of at most `limit` bytes. Not safe to drop half-way: give it a task of its own.
///
/// # Errors
/// See [`FrameError`].
pub async fn read_frame<T, R>(reader: &mut R, limit: usize) -> Result<T, FrameError>
where
    T: DeserializeOwned,
    R: AsyncRead + Unpin,
{
    let mut head = [0u8; 4];
    let mut got = 0;
    while got < head.len() {
        match reader.read(&mut head[got..]).await? {
            0 if got == 0 => return Err(FrameError::Closed),
            0 => {
                return Err(FrameError::Half {
                    got,
                    expected: head.len(),
                });
            }
            count => got += count,
        }
    }
    let expected = u32::from_be_bytes(head) as usize;
    if expected > limit {
        return Err(FrameError::TooLong {
            bytes: expected,
            limit,
        });
    }
    let mut body = Vec::new();
    let got = reader.take(expected as u64).read_to_end(&mut body).await?;
    if got < expected {
        return Err(FrameError::Half { got, expected });
    }
    Ok(serde_json::from_slice(&body)?)
}

/// Writes one frame and flushes.
///
/// # Errors
/// See [`FrameError`].
pub async fn write_frame<T, W>(writer: &mut W, value: &T, limit: usize) -> Result<(), FrameError>
where
    T: Serialize,
    W: AsyncWrite + Unpin,
{
    let mut frame = vec![0u8; 4];
    serde_json::to_writer(&mut frame, value)?;
    let bytes = frame.len() - 4;
    let length = u32::try_from(bytes)
        .ok()
        .filter(|_| bytes <= limit)
        .ok_or(FrameError::TooLong { bytes, limit })?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    writer.write_all(&frame).await?;
    writer.flush().await?;
    Ok(())
}
