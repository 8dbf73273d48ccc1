//! Finds the bundle that goes into the script: `$ATTUNE_BUNDLE`, else `models/demo.attune`. Without either the
//! Worker is built all the same, keeps every page's own order, and says why.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..");
    let shipped = root.join("models/demo.attune");
    println!("cargo::rerun-if-env-changed=ATTUNE_BUNDLE");
    println!("cargo::rerun-if-changed={}", shipped.display());
    let bundle = match env::var_os("ATTUNE_BUNDLE") {
        Some(path) => {
            let path = env::current_dir()?.join(path);
            println!("cargo::rerun-if-changed={}", path.display());
            path.is_file().then_some(path).ok_or("ATTUNE_BUNDLE names no file")?
        }
        None if shipped.is_file() => shipped,
        None => {
            println!("cargo::warning=no models/demo.attune: this Worker keeps every page's own order");
            let none = PathBuf::from(env::var("OUT_DIR")?).join("none.attune");
            fs::write(&none, [])?;
            none
        }
    };
    let name = bundle.file_stem().and_then(|name| name.to_str()).ok_or("the bundle's name is not text")?;
    println!("cargo::rustc-env=ATTUNE_BUNDLE_NAME={name}");
    println!("cargo::rustc-env=ATTUNE_BUNDLE_FILE={}", bundle.display());
    Ok(())
}
