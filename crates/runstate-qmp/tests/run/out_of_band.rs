//! out_of_band
