pub fn read_yaml(){} pub const MAX_BYTES: usize=1;
