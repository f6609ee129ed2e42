#![no_std]
//! QEMU's VM run-state machine.
