//! QMP as bytes in, bytes out.
