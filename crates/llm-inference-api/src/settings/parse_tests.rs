use super::*;

#[test]
fn sizes_are_read_with_their_units() {
    for (text, bytes_) in [
        ("1", 1),
        ("4096", 4_096),
        ("512MiB", 512 << 20),
        ("2 GiB", 2 << 30),
        ("1.5GiB", 3 << 29),
        ("1kb", 1_000),
        ("3GB", 3_000_000_000),
    ] {
        assert_eq!(bytes(text).map(NonZeroUsize::get), Ok(bytes_), "{text}");
    }
}

#[test]
fn what_is_no_size_is_refused() {
    for text in ["", "0", "MiB", "512M", "-1", "1.5", "1e9", "99999999999999GiB", "1.2.3MiB"] {
        assert!(bytes(text).is_err(), "{text}");
    }
}

#[test]
fn hosts_carry_no_port_and_no_scheme() {
    assert_eq!(hostname("[::1]").as_deref(), Ok("::1"));
    for text in ["", "localhost:80", "http://localhost", "a b"] {
        assert!(hostname(text).is_err(), "{text}");
    }
}

#[test]
fn one_star_among_the_origins_is_any() {
    assert_eq!(origins("https://a.example, *"), Ok(Origins::Any));
    let two = Origins::These(vec!["https://a.example".into(), "http://localhost:3000".into()]);
    assert_eq!(origins("https://a.example, http://localhost:3000"), Ok(two.clone()));
    assert_eq!(origins("HTTPS://A.example:443, http://localhost:3000"), Ok(two));
    for text in [
        "",
        "example.org",
        "https://a.example/path",
        "https://*.example.org",
        "https://a:99999",
        "https://a:",
        "https://a:+80",
    ] {
        assert!(origins(text).is_err(), "{text}");
    }
}

#[test]
fn kinds_of_caches_are_read_by_their_names() {
    assert_eq!(kv_cache_type("AUTO"), Ok(KvCacheType(None)));
    assert_eq!(kv_cache_type("int8").map(KvCacheType::name), Ok("int8"));
    assert!(kv_cache_type("int4").is_err() && kv_cache_type("").is_err());
}

#[test]
fn numbers_out_of_range_are_refused() {
    assert!(temperature("2.1").is_err() && temperature("NaN").is_err() && temperature("2").is_ok());
    assert!(top_p("-0.1").is_err() && top_p("0").is_ok() && top_p("1").is_ok());
    assert!(port("65536").is_err() && port("0").is_ok());
    assert!(milliseconds("86400001").is_err() && milliseconds("0").is_ok());
    assert!(speculation_tokens("0").is_err() && speculation_tokens("16").is_err() && speculation_tokens("15").is_ok());
    assert!(tokens("0").is_err() && some("0").is_err() && any("0").is_ok());
}
