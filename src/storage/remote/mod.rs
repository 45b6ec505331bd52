//! Stores that are reached over the network.

#![allow(dead_code, reason = "nothing opens a remote store yet")]

#[cfg(feature = "s3")]
mod aws_credentials;
