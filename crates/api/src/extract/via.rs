//! The gateways that a request has come through, out of `Via` (RFC 9110, section 7.6.3). Only those of our kind count: what else is on
//! the way is nobody's business further on.

use axum::http::HeaderMap;
use axum::http::header::VIA;
use backend::Hops;

pub(crate) fn hops(headers: &HeaderMap) -> Hops {
    let values = headers.get_all(VIA).iter().filter_map(|value| value.to_str().ok());
    // Each says by which protocol, by whom, and perhaps something more.
    values.flat_map(|value| value.split(',')).filter_map(|one| one.split_whitespace().nth(1)?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use backend::Hop;

    use super::*;

    fn read(values: &[&'static str]) -> Vec<Hop> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(VIA, axum::http::HeaderValue::from_static(value));
        }
        hops(&headers).iter().collect()
    }

    #[test]
    fn gateways_of_our_kind_are_known_among_others() {
        let way = ["1.0 fred, 1.1 llm-inference-api-0000000000000001", "HTTP/1.1 llm-inference-api-0000000000000002 (us)"];
        assert_eq!(read(&way), [Hop::new(1), Hop::new(2)]);
        assert_eq!(read(&["", ",", "1.1", "1.1 nginx (llm-inference-api-0000000000000001)", "llm-inference-api-1"]), []);
    }
}
