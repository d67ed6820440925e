#![no_main]

use sluss::personal::accounts;
use sluss_fuzz::target_over_text;

target_over_text!(|text| {
    let mut found = Vec::new();
    accounts::scan(text, &mut found);
    let ends: Vec<String> = found.iter().map(|one| accounts::ends(one.value.expose())).collect();
    (ends, accounts::read(text).is_some())
});
