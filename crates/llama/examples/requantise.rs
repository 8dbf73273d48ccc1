//! Writes a GGUF file's matrices in another format: `requantise IN.gguf OUT.gguf q8_0`.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Read as _};

use attune_llama::checkpoint::{Format, Limits, gguf, write};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to, format] = &arguments[..] else { return Err("requantise IN.gguf OUT.gguf FORMAT".into()) };
    let formats =
        [Format::F32, Format::F16, Format::BF16, Format::Q8_0, Format::Q4_0, Format::Q4_1, Format::Q5_0];
    let named = formats.into_iter().find(|known| format!("{known:?}").eq_ignore_ascii_case(format));
    let format = named.ok_or("the format is f32, f16, bf16, q8_0, q4_0, q4_1 or q5_0")?;

    let mut buffer = vec![0; 1 << 20];
    let mut file = File::open(from)?;
    let mut header = gguf::Reader::new(Limits::default(), ());
    while header.header().is_none() {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            header.finish()?;
            return Err("the file has no header".into());
        }
        header.push(&buffer[..count])?;
    }
    let metadata = header.header().map(|header| header.metadata.clone()).unwrap_or_default();

    let mut file = File::open(from)?;
    let out = BufWriter::new(File::create(to)?);
    let mut reader =
        gguf::Reader::new(Limits::default(), write::Writer::new(out, metadata, write::matrices(format)));
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        reader.push(&buffer[..count])?;
    }
    reader.finish()?;
    Ok(())
}
