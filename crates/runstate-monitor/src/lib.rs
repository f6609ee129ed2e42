//! A whole QEMU monitor without I/O.
