use std::fs;
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt;
use object_store::CredentialProvider;

use super::*;
use place::*;

mod place;

#[test]
fn settings_come_first() {
    let mut place =
        Place::with(services).variable("AWS_ACCESS_KEY_ID", "of-variables").variable("AWS_PROFILE", "none");
    place.options.access_key = Some("of-settings".to_owned());
    assert_eq!(place.error(), "setting access_key needs setting secret_key, which is not given");
    place.options.secret_key = Some(secret("of-settings"));
    assert_eq!(place.who(), ("of-settings".to_owned(), secret("of-settings"), String::new()));
    place.options.session_token = Some(token("of-settings"));
    assert_eq!(place.who(), keys_of("of-settings"));
    place.options.access_key = None;
    assert_eq!(place.error(), "setting secret_key needs setting access_key, which is not given");
    place.options.secret_key = None;
    assert_eq!(place.error(), "setting session_token needs setting access_key, which is not given");
    assert!(place.asks().is_empty());
}

#[test]
fn keys_that_cannot_be_sent_are_errors() {
    for bad in [format!("{PLANTED}\nx"), format!("{PLANTED}\u{7f}"), " \n".to_owned()] {
        let mut place = Place::new();
        place.options.access_key = Some("id".to_owned());
        place.options.secret_key = Some(bad.clone());
        let error = "settings access_key, secret_key and session_token: a key is empty or has characters that keys do not have";
        assert_eq!(place.error(), error);
        let place = Place::new().variable("AWS_ACCESS_KEY_ID", "id").variable("AWS_SECRET_ACCESS_KEY", bad);
        assert!(place.error().starts_with("variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"));
        let place = place.variable("AWS_SECRET_ACCESS_KEY", secret("x"));
        let place = place.variable("AWS_ACCESS_KEY_ID", "é");
        assert!(place.error().starts_with("variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"));
    }
}

#[test]
fn then_the_environment() {
    let place = Place::with(services).credentials("this file does not parse");
    let place = place.variable("AWS_ACCESS_KEY_ID", "of-variables\n").variable("AWS_PROFILE", "none");
    assert_eq!(place.error(), "variable AWS_ACCESS_KEY_ID is set, but not AWS_SECRET_ACCESS_KEY");
    let place = place.variable("AWS_SECRET_ACCESS_KEY", secret("of-variables") + "\n");
    let place = place.variable("AWS_SESSION_TOKEN", "");
    assert_eq!(place.who(), ("of-variables".to_owned(), secret("of-variables"), String::new()));
    let place = place.variable("AWS_SESSION_TOKEN", token("of-variables"));
    assert_eq!(place.who(), keys_of("of-variables"));
    let place = place.variable("AWS_ACCESS_KEY_ID", "");
    assert_eq!(place.error(), "variable AWS_SECRET_ACCESS_KEY is set, but not AWS_ACCESS_KEY_ID");
    // What the call says counts more.
    let place = place.credentials(&format!("[mine]\n{}", lines("of-profile"))).profile("mine");
    assert_eq!(place.who(), keys_of("of-profile"));
    assert!(place.asks().is_empty());
}

#[test]
fn then_the_profile() {
    let credentials = format!("[default]\n{}[mine]\n{}", lines("of-default"), lines("of-mine"));
    let config = format!("[profile theirs]\n{}[default]\n{}", lines("of-theirs"), lines("of-config"));
    let place = Place::with(services).credentials(&credentials).config(&config);
    assert_eq!(place.who(), keys_of("of-default"));
    let place = place.variable("AWS_DEFAULT_PROFILE", "theirs");
    assert_eq!(place.who(), keys_of("of-theirs"));
    let place = place.variable("AWS_PROFILE", "mine");
    assert_eq!(place.who(), keys_of("of-mine"));
    let place = place.profile("theirs");
    assert_eq!(place.who(), keys_of("of-theirs"));
    assert!(place.asks().is_empty());
}

#[test]
fn files_are_where_variables_say() {
    let place = Place::new().file("elsewhere", format!("[default]\n{}", lines("of-elsewhere")));
    let place = place.file("other", "[default]\nregion = eu-central-1\n");
    let place = place.variable("AWS_SHARED_CREDENTIALS_FILE", "~/elsewhere");
    let other = place.path("other");
    let place = place.variable("AWS_CONFIG_FILE", other);
    assert_eq!(place.id(), "of-elsewhere");
    let region = profile_region(&place.options, &place.variables);
    assert_eq!(region, Ok(Some("eu-central-1".to_owned())));
}

#[test]
fn files_as_people_write_them() {
    let config = "\u{feff}# a comment\r\n\r\n[default] ; another\r\nregion=eu-west-3 # near\r\ns3 =\r\n  region = other\r\n\
                  \u{20} addressing_style = virtual\r\nOUTPUT: json\r\n[ profile  'of a team' ]\r\n  REGION = eu-west-1\r\n\
                  \u{20} output =\r\n[profile \"two words\"]\nregion = us-west-2\n[services x]\nregion = nowhere\n\
                  [plugins]\n[profile]\nregion=nowhere\n[default]\n";
    let place = Place::new().config(config);
    let region = |profile: Option<&str>| {
        let options = AwsOptions { profile: profile.map(str::to_owned), ..AwsOptions::default() };
        profile_region(&options, &place.variables).unwrap()
    };
    assert_eq!(region(None).as_deref(), Some("eu-west-3"));
    assert_eq!(region(Some("of a team")).as_deref(), Some("eu-west-1"));
    assert_eq!(region(Some("two words")).as_deref(), Some("us-west-2"));
    assert_eq!(region(Some("nobody")), None);
    assert_eq!(region(Some("x")), None);
}

#[test]
fn a_profile_that_is_named_must_be_there() {
    for (place, by) in [
        (Place::new().profile("mine"), "setting profile"),
        (Place::new().variable("AWS_PROFILE", "mine"), "variable AWS_PROFILE"),
        (Place::new().variable("AWS_PROFILE", "default").config("[profile mine]\n"), "variable AWS_PROFILE"),
    ] {
        let name = place.variables.get("AWS_PROFILE").map_or("mine", String::as_str);
        let (config, credentials) = (place.path(".aws/config"), place.path(".aws/credentials"));
        assert_eq!(
            place.error(),
            format!("{by}: profile {name} is neither in {config} nor in {credentials}")
        );
    }
    // One that is about other things is passed over.
    let place = Place::with(services).config("[profile mine]\nregion = x\n").profile("mine");
    assert_eq!(place.id(), "instance");
    assert!(Place::new().is_anonymous());
}

#[test]
fn files_that_do_not_parse_are_named() {
    let wrong = [
        (format!("[default]\n{PLANTED}\n"), "line 2 does not parse"),
        (format!("[default\naws_secret_access_key={PLANTED}\n"), "line 1 does not parse"),
        (format!("\n[default]{PLANTED}\n"), "line 2 does not parse"),
        (format!("aws_secret_access_key={PLANTED}\n"), "line 1 does not parse"),
        (format!("[default]\n={PLANTED}\n"), "line 2 does not parse"),
    ];
    for (content, why) in wrong {
        let place = Place::new().credentials(&content);
        assert_eq!(place.error(), format!("profile default: {}: {why}", place.path(".aws/credentials")));
        let error = profile_region(&place.options, &place.variables).unwrap_err();
        assert_eq!(error.to_string(), place.error());
        let place = Place::new().config(&content).profile("mine");
        assert_eq!(place.error(), format!("profile mine: {}: {why}", place.path(".aws/config")));
    }
    let place = Place::new().file(".aws/config", [b"[default]\n", PLANTED.as_bytes(), b"=\xff\n"].concat());
    assert!(place.error().ends_with(".aws/config: the file is not UTF-8"));
    let place = Place::new().file(".aws/config", "#".repeat(1024 * 1024 + 1));
    assert!(place.error().ends_with(".aws/config: the file is larger than 1048576 bytes"));
    let place = Place::new();
    let home = place.path("");
    let place = place.variable("AWS_CONFIG_FILE", home.clone());
    assert!(
        place.error().starts_with(&format!("profile default: {home}: Is a directory")),
        "{}",
        place.error()
    );
    // No file is no fault.
    let place = Place::new()
        .variable("AWS_CONFIG_FILE", "/dev/null")
        .variable("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/at/all");
    assert!(place.is_anonymous());
}

#[test]
fn profiles_that_lead_nowhere() {
    let role = "role_arn = arn:aws:iam::123456789012:role/the-role\n";
    let wrong = [
        (format!("aws_secret_access_key = {PLANTED}\n"), "aws_access_key_id is missing"),
        ("aws_access_key_id = x\n".to_owned(), "aws_secret_access_key is missing"),
        (
            format!("credential_process = /bin/{PLANTED}\n"),
            "credential_process names a program, and libresult runs none",
        ),
        (
            "login_session = x\n".to_owned(),
            "login_session is not supported; aws configure export-credentials is a way out",
        ),
        (role.to_owned(), "role_arn needs one of source_profile, credential_source, web_identity_token_file"),
        (
            format!("{role}source_profile = a\ncredential_source = Environment\n"),
            "role_arn needs only one of source_profile, credential_source, web_identity_token_file",
        ),
        (
            format!("{role}credential_source = {PLANTED}\n"),
            "credential_source is none of Environment, EcsContainer or Ec2InstanceMetadata",
        ),
        (
            format!("{role}credential_source = Environment\n"),
            "credential_source Environment has no credentials",
        ),
        (
            format!("{role}credential_source = EcsContainer\n"),
            "credential_source EcsContainer has no credentials",
        ),
        (
            format!("{role}credential_source = Ec2InstanceMetadata\n"),
            "credential_source Ec2InstanceMetadata has no credentials",
        ),
        (format!("{role}source_profile = default\n"), "aws_access_key_id is missing"),
        (format!("{role}mfa_serial = x\n"), "mfa_serial asks for a code, and nobody can be asked here"),
        (format!("{role}source_profile = a\nduration_seconds = x\n"), "duration_seconds is not a number"),
        ("sso_session = x\n".to_owned(), "there is no section [sso-session x]"),
        ("sso_session = empty\n[sso-session empty]\n".to_owned(), "sso_region is missing"),
        ("sso_start_url = x\nsso_region = x\n".to_owned(), "sso_account_id is missing"),
        ("sso_account_id = x\n".to_owned(), "sso_start_url is missing"),
    ];
    for (section, why) in wrong {
        let place = Place::new().config(&format!("[default]\n{section}"));
        assert_eq!(place.error(), format!("profile default: {why}"), "{section}");
    }
    let config =
        format!("[default]\n{role}source_profile = a\n[profile a]\n{role}source_profile = b\n[profile b]\n");
    let error = Place::new().config(&config).error();
    assert_eq!(error, "profile b: it is the source_profile of another, but has no credentials");
    let place = Place::new().config(&format!("{config}{role}source_profile = default\n"));
    assert_eq!(place.error(), "profile b: source_profile default leads back to it");
    let place = Place::new().config(&format!("{config}{role}source_profile = c\n"));
    assert!(place.error().starts_with("profile b: source_profile: profile c is neither in "));
    // The program of a source is no more run than that of the profile itself.
    let witness = format!("credential_process = touch {}\n", place.path("ran"));
    let place = place.config(&format!("{config}{witness}"));
    assert_eq!(place.error(), "profile b: credential_process names a program, and libresult runs none");
    assert!(!fs::exists(place.path("ran")).unwrap());
}

#[test]
fn a_role_by_way_of_others() {
    let config = "[profile top]\nrole_arn = arn:aws:iam::1:role/top\nsource_profile = middle\nrole_session_name = a b&c\n\
                  external_id = x=1\nduration_seconds = 1800\nregion = eu-north-1\n\
                  [profile middle]\nrole_arn = arn:aws:iam::1:role/middle\nsource_profile = bottom\n\
                  [profile bottom]\nrole_arn = arn:aws:iam::1:role/not-taken\nsource_profile = nobody\n";
    let place = Place::with(services).config(config).credentials(&format!("[bottom]\n{}", lines("bottom")));
    let place = place.profile("top").endpoint("AWS_ENDPOINT_URL_STS");
    assert_eq!(place.who(), keys_of("top"));
    let asks = place.asks();
    let fields = |asked: &Asked| {
        ["Action", "Version", "RoleArn", "RoleSessionName", "ExternalId", "DurationSeconds"]
            .map(|name| asked.field(name))
    };
    let text = |text: &str| Some(text.to_owned());
    let [first, second] = &asks[..] else { panic!("{} requests", asks.len()) };
    let arn = "arn:aws:iam::1:role/middle";
    assert_eq!(
        fields(first),
        [text("AssumeRole"), text("2011-06-15"), text(arn), text("libresult"), None, None]
    );
    let arn = "arn:aws:iam::1:role/top";
    let expected =
        [text("AssumeRole"), text("2011-06-15"), text(arn), text("a b&c"), text("x=1"), text("1800")];
    assert_eq!(fields(second), expected);
    check_signature(first, "bottom", "eu-north-1");
    check_signature(second, "middle", "eu-north-1");
}

#[test]
fn a_role_of_keys_from_elsewhere() {
    let role = "role_arn = arn:aws:iam::1:role/role\n";
    let own = format!("[default]\n{role}source_profile = default\n{}", lines("own"));
    let place = Place::with(services).config(&own).endpoint("AWS_ENDPOINT_URL");
    assert_eq!(place.id(), "role");
    check_signature(&place.asks()[0], "own", "us-east-1");

    let config = |source: &str| format!("[default]\n{role}credential_source = {source}\n");
    let place = Place::with(services).config(&config("Environment")).endpoint("AWS_ENDPOINT_URL_STS");
    let place = place.variable("AWS_REGION", "us-west-1").profile("default");
    let place = place.variable("AWS_ACCESS_KEY_ID", "of-variables");
    let place = place.variable("AWS_SECRET_ACCESS_KEY", secret("of-variables"));
    let place = place.variable("AWS_SESSION_TOKEN", token("of-variables"));
    assert_eq!(place.id(), "role");
    check_signature(&place.asks()[0], "of-variables", "us-west-1");

    let place = Place::with(services).config(&config("EcsContainer")).endpoint("AWS_ENDPOINT_URL_STS");
    let place = place.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/container");
    assert_eq!(place.id(), "role");
    check_signature(&place.asks()[1], "container", "us-east-1");

    let place = Place::with(services).config(&config("Ec2InstanceMetadata")).endpoint("AWS_ENDPOINT_URL_STS");
    assert_eq!(place.id(), "role");
    check_signature(&place.asks()[3], "instance", "us-east-1");
}

#[test]
fn sts_is_asked_where_the_region_is() {
    for (region, host) in [
        ("eu-west-1", "https://sts.eu-west-1.amazonaws.com"),
        ("cn-north-1", "https://sts.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com"),
        ("us-isob-east-1", "https://sts.us-isob-east-1.sc2s.sgov.gov"),
    ] {
        let config = format!(
            "[default]\nrole_arn = arn:aws:iam::1:role/role\nsource_profile = default\nregion = {region}\n{}",
            lines("own")
        );
        let place = Place::with(services).config(&config);
        assert_eq!(place.id(), "role");
        assert_eq!(place.asks()[0].header("x-meant-for"), host);
        let mut place = Place::with(services).config(&config).variable("AWS_DEFAULT_REGION", "eu-south-1");
        place.variables.insert("AWS_REGION".to_owned(), "eu-south-2".to_owned());
        assert_eq!(place.id(), "role");
        assert_eq!(place.asks()[0].header("x-meant-for"), "https://sts.eu-south-1.amazonaws.com");
        place.asks().clear();
        place.options.region = Some("ap-south-1".to_owned());
        assert_eq!(place.id(), "role");
        assert_eq!(place.asks()[0].header("x-meant-for"), "https://sts.ap-south-1.amazonaws.com");
        for bad in ["evil.example/", "", "EU", "x@y", "x:80"] {
            place.options.region = Some(bad.to_owned());
            assert_eq!(place.error(), format!("'{bad}' is not a region of AWS"));
        }
        place.options.region = Some("x\ny".to_owned());
        let place = place.endpoint("AWS_ENDPOINT_URL_STS");
        assert_eq!(place.error(), "'x\ny' is not a region of AWS");
    }
}

#[test]
fn what_sts_refuses_and_what_it_says() {
    let config =
        format!("[default]\nrole_arn = arn:aws:iam::1:role/role\nsource_profile = default\n{}", lines("own"));
    let whom = "role arn:aws:iam::1:role/role: AWS STS";
    let error = |code: &str| {
        format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>{PLANTED}</Message></Error></ErrorResponse>"
        )
    };
    let without = |tag: &str| sts_keys("role").replace(tag, "Else");
    for (status, body, told) in [
        (403, error("AccessDenied"), "refuses (403 AccessDenied)"),
        (400, error("ExpiredTokenException"), "refuses (400 ExpiredTokenException)"),
        (403, error(PLANTED), "refuses (403)"),
        (403, PLANTED.to_owned(), "refuses (403)"),
        (302, PLANTED.to_owned(), "refuses (302)"),
        (503, PLANTED.to_owned(), "cannot answer now (503)"),
        (200, PLANTED.to_owned(), "the answer is not credentials"),
        (200, without("AccessKeyId"), "the answer is not credentials"),
        (200, without("SessionToken"), "the answer is not credentials"),
        (200, without("Expiration"), "the answer is not credentials"),
        (200, sts_keys("role").replace("Z</Exp", "</Exp"), "the answer is not credentials"),
        (200, sts_keys("ro\nle"), "the answer is not credentials"),
        (200, " ".repeat(300_000) + &sts_keys("role"), "the answer is not credentials"),
    ] {
        let place =
            Place::with(move |_| (status, body.clone())).config(&config).endpoint("AWS_ENDPOINT_URL_STS");
        let told = if status == 200 { format!("{whom}: {told}") } else { format!("{whom} {told}") };
        assert_eq!(place.error(), told);
        assert_eq!(place.asks().len(), if status == 503 { 3 } else { 1 });
    }
    let place = Place::new().config(&config).variable("AWS_ENDPOINT_URL_STS", format!("{PLANTED}:x"));
    assert_eq!(place.error(), "variable AWS_ENDPOINT_URL_STS is not a URL");
    // Nobody listens where somebody did.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let place =
        Place::new().config(&config).variable("AWS_ENDPOINT_URL_STS", format!("http://{closed}/{PLANTED}"));
    assert!(
        place.error().starts_with(&format!("{whom} does not answer: Connection refused")),
        "{}",
        place.error()
    );
}

#[test]
fn who_cannot_answer_now_is_asked_again() {
    let answers = Mutex::new(std::collections::VecDeque::from([
        (500, String::new()),
        (429, String::new()),
        (200, sts_keys("role")),
    ]));
    let config =
        format!("[default]\nrole_arn = arn:aws:iam::1:role/role\nsource_profile = default\n{}", lines("own"));
    let place = Place::with(move |_| answers.lock().unwrap().pop_front().unwrap()).config(&config);
    assert_eq!(place.who(), keys_of("role"));
    assert_eq!(place.asks().len(), 3);
}

#[test]
fn then_a_web_identity() {
    let place = Place::with(services).file("jwt", format!("{}\n", token("web")));
    let jwt = place.path("jwt");
    let place = place.variable("AWS_WEB_IDENTITY_TOKEN_FILE", jwt).variable("AWS_REGION", "eu-west-1");
    // Others would come after it.
    let place = place.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/container");
    assert_eq!(place.error(), "variable AWS_WEB_IDENTITY_TOKEN_FILE is set, but not AWS_ROLE_ARN");
    let place = place.variable("AWS_ROLE_ARN", "arn:aws:iam::1:role/web");
    assert_eq!(place.who(), keys_of("web"));
    let place = place.variable("AWS_ROLE_SESSION_NAME", "pod");
    assert_eq!(place.who(), keys_of("web"));
    {
        let asks = place.asks();
        assert_eq!(asks.iter().map(|asked| asked.path.as_str()).collect::<Vec<_>>(), ["/", "/"]);
        assert_eq!(asks[0].header("x-meant-for"), "https://sts.eu-west-1.amazonaws.com");
        assert_eq!(asks[0].header("authorization"), "");
        assert_eq!(asks[0].field("Action").unwrap(), "AssumeRoleWithWebIdentity");
        assert_eq!(asks[0].field("WebIdentityToken").unwrap(), token("web"));
        assert_eq!(asks[0].field("RoleSessionName").unwrap(), "libresult");
        assert_eq!(asks[1].field("RoleSessionName").unwrap(), "pod");
    }
    let place = place.variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/jwt");
    assert_eq!(place.error(), "web identity token /nowhere/jwt: no such file");
    let place =
        Place::with(|_| (400, format!("<Code>InvalidIdentityToken</Code><Message>{PLANTED}</Message>")));
    let place = place.file("jwt", token("web")).variable("AWS_WEB_IDENTITY_TOKEN_FILE", "~/jwt");
    let place = place.variable("AWS_ROLE_ARN", "arn:aws:iam::1:role/web");
    assert_eq!(place.error(), "role arn:aws:iam::1:role/web: AWS STS refuses (400 InvalidIdentityToken)");
}

#[test]
fn a_web_identity_of_a_profile() {
    let config = "[default]\nrole_arn = arn:aws:iam::1:role/top\nsource_profile = web\n[profile web]\n\
                  role_arn = arn:aws:iam::1:role/web\nweb_identity_token_file = ~/jwt\n";
    let place = Place::with(services).config(config).file("jwt", token("web"));
    assert_eq!(place.who(), keys_of("top"));
    let asks = place.asks();
    assert_eq!(asks[0].field("WebIdentityToken").unwrap(), token("web"));
    assert_eq!(asks[0].field("RoleArn").unwrap(), "arn:aws:iam::1:role/web");
    assert_eq!(asks[1].header("x-amz-security-token"), token("web"));
    assert_eq!(asks[1].field("RoleArn").unwrap(), "arn:aws:iam::1:role/top");
}

#[test]
fn then_the_container() {
    let place = Place::with(services).variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/container");
    let place = place.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/not-this");
    assert_eq!(place.who(), keys_of("container"));
    assert_eq!(place.asks()[0].header("x-meant-for"), "http://169.254.170.2");
    assert_eq!(place.asks()[0].header("authorization"), "");
    let place = place.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN", token("variable"));
    assert_eq!(place.id(), "container");
    assert_eq!(place.asks()[1].header("authorization"), token("variable"));
    let place = place
        .file("token", token("file") + "\n")
        .variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "~/token");
    assert_eq!(place.id(), "container");
    assert_eq!(place.asks()[2].header("authorization"), token("file"));
    let place = place.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere/token");
    assert_eq!(
        place.error(),
        "variable AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: /nowhere/token: no such file"
    );
    let place = place.file("token", format!("{PLANTED}\nx"));
    let file = place.path("token");
    let place = place.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.clone());
    assert_eq!(place.error(), format!("the token in {file} cannot be sent in a header"));
    assert_eq!(place.asks().len(), 3);
}

#[test]
fn addresses_of_containers() {
    let variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    for host in [
        "http://127.0.0.1",
        "http://127.1.2.3:8",
        "http://localhost",
        "http://[::1]:9",
        "http://169.254.170.23",
        "http://[fd00:ec2::23]",
        "https://any.example",
    ] {
        let place = Place::with(services);
        let uri = match host {
            "http://127.0.0.1" => format!("http://{}/container", place.server),
            _ => format!("{host}/container"),
        };
        let place = place.variable(variable, uri);
        assert_eq!(place.id(), "container", "{host}");
    }
    for host in
        ["http://any.example", "http://10.0.0.1", "http://169.254.169.254", "http://localhost.example"]
    {
        let place = Place::with(services).variable(variable, format!("{host}/{PLANTED}"));
        assert_eq!(
            place.error(),
            format!("variable {variable} is neither https nor an address of this machine")
        );
        assert!(place.asks().is_empty());
    }
    for bad in ["", "container", "ftp://x/y", "http://", "http://[x]/"] {
        let place = Place::with(services)
            .variable(variable, format!("{bad}{}", if bad.is_empty() { "x" } else { "" }));
        assert_eq!(place.error(), format!("variable {variable} is not a URL"));
    }
    let place = Place::with(services).variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.example/");
    assert_eq!(place.error(), "variable AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not start with /");
}

#[test]
fn what_the_container_refuses() {
    let whom = "the container's credentials service";
    for (status, body, told) in [
        (403, PLANTED.to_owned(), " refuses (403)"),
        (500, PLANTED.to_owned(), " cannot answer now (500)"),
        (200, PLANTED.to_owned(), ": the answer is not credentials"),
        (200, format!(r#"{{"SecretAccessKey":"{PLANTED}"}}"#), ": the answer is not credentials"),
        (
            200,
            metadata_keys("x").replace("\"Expiration\":\"", "\"Expiration\":\"x"),
            ": the answer is not credentials",
        ),
        (200, metadata_keys("x\\n y"), ": the answer is not credentials"),
    ] {
        let place = Place::with(move |_| (status, body.clone()));
        let place = place.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x");
        assert_eq!(place.error(), format!("{whom}{told}"));
    }
}

#[test]
fn last_the_instance() {
    let place = Place::with(services);
    assert_eq!(place.who(), keys_of("instance"));
    let expected = [
        "PUT /latest/api/token",
        "GET /latest/meta-data/iam/security-credentials/",
        "GET /latest/meta-data/iam/security-credentials/the-role",
    ];
    assert_eq!(place.paths(), expected);
    {
        let asks = place.asks();
        assert_eq!(asks[0].header("x-meant-for"), "http://169.254.169.254");
        assert_eq!(asks[0].header("x-aws-ec2-metadata-token-ttl-seconds"), "300");
        assert!(asks[1..].iter().all(|asked| asked.header("x-aws-ec2-metadata-token") == token("instance")));
    }
    let place = Place::with(services).variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv6");
    assert_eq!(place.id(), "instance");
    assert_eq!(place.asks()[0].header("x-meant-for"), "http://[fd00:ec2::254]");
    let place = Place::with(services).endpoint("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    assert_eq!(place.id(), "instance");
    assert_eq!(place.asks()[0].header("x-meant-for"), "");
    for yes in ["true", "True"] {
        let place = Place::with(services).variable("AWS_EC2_METADATA_DISABLED", yes);
        assert!(place.is_anonymous());
        assert!(place.asks().is_empty());
    }
}

#[test]
fn no_instance_means_nobody() {
    // Another cloud's service, or one that forbids it.
    for status in [400, 403, 404, 405, 500] {
        assert!(Place::with(move |_| (status, PLANTED.to_owned())).is_anonymous());
    }
    // An instance without a role.
    let no_role =
        |asked: &Asked| if asked.method == "PUT" { (200, token("instance")) } else { (404, String::new()) };
    assert!(Place::with(no_role).is_anonymous());
    let no_name =
        |asked: &Asked| if asked.method == "PUT" { (200, token("instance")) } else { (200, "\n".to_owned()) };
    assert!(Place::with(no_name).is_anonymous());
    // Somebody who accepts connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place::new().variable("AWS_METADATA_SERVICE_TIMEOUT", "");
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let place = place.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint);
    let start = Instant::now();
    assert!(place.is_anonymous());
    assert!(
        (Duration::from_millis(900)..Duration::from_secs(30)).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
    let place = place.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", "not a URL");
    assert_eq!(place.error(), "variable AWS_EC2_METADATA_SERVICE_ENDPOINT is not a URL");
    for bad in ["0", "x", "-1"] {
        let place = Place::new().variable("AWS_METADATA_SERVICE_TIMEOUT", bad);
        assert_eq!(
            place.error(),
            "variable AWS_METADATA_SERVICE_TIMEOUT is not a number of seconds from 1 on"
        );
    }
}

#[test]
fn what_the_instance_refuses() {
    let whom = "the instance metadata service";
    let failed = format!(r#"{{"Code":"AssumeRoleUnauthorizedAccess","Message":"{PLANTED}"}}"#);
    for (status, body, told) in [
        (403, PLANTED.to_owned(), " refuses (403)"),
        (500, PLANTED.to_owned(), " cannot answer now (500)"),
        (200, failed, " has no credentials for the role of this instance"),
        (200, format!(r#""{PLANTED}""#), ": the answer is not credentials"),
    ] {
        let place = Place::with(move |asked| match asked.path.ends_with("/the-role") {
            true => (status, body.clone()),
            false => services(asked),
        });
        assert_eq!(place.error(), format!("{whom}{told}"));
    }
    let place = Place::with(|asked| match asked.method.as_str() {
        "PUT" => (200, format!("{PLANTED}\nx")),
        _ => (404, String::new()),
    });
    assert_eq!(place.error(), format!("the token of {whom} cannot be sent in a header"));
    let place = Place::with(|asked| match asked.path.ends_with("/security-credentials/") {
        true => (401, PLANTED.to_owned()),
        false => services(asked),
    });
    assert_eq!(place.error(), format!("{whom} refuses (401)"));
}

// SHA-1 of `corp` and of `https://corp.awsapps.com/start`.
const SESSION_FILE: &str = ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
const START_FILE: &str = ".aws/sso/cache/a51746d4aa793ae07b25e90c3a5db96fc7832bd7.json";
const SSO: &str = "[profile new]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Data/Reader\n\
                   [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start\n\
                   [profile old]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = cn-north-1\n\
                   sso_account_id = 123456789012\nsso_role_name = Reader\n\
                   [profile over]\nrole_arn = arn:aws:iam::1:role/over\nsource_profile = new\n";

fn login(expires: SystemTime) -> String {
    let expires = written(expires);
    format!(
        r#"{{"startUrl":"https://corp.awsapps.com/start","accessToken":"{}","expiresAt":"{expires}"}}"#,
        token("login")
    )
}

#[test]
fn who_has_logged_in_with_sso() {
    let place = Place::with(services).config(SSO).profile("new").file(SESSION_FILE, login(in_an_hour()));
    assert_eq!(place.who(), keys_of("sso"));
    {
        let asks = place.asks();
        assert_eq!(asks[0].path, "/federation/credentials?role_name=Data%2FReader&account_id=123456789012");
        assert_eq!(asks[0].header("x-amz-sso_bearer_token"), token("login"));
        assert_eq!(asks[0].header("x-meant-for"), "https://portal.sso.eu-west-1.amazonaws.com");
    }
    let place = Place::with(services).config(SSO).profile("old");
    let place = place.file(START_FILE, login(in_an_hour()).replace("Z\"", "UTC\""));
    assert_eq!(place.who(), keys_of("sso"));
    assert_eq!(place.asks()[0].header("x-meant-for"), "https://portal.sso.cn-north-1.amazonaws.com.cn");
    let place = place.endpoint("AWS_ENDPOINT_URL_SSO");
    assert_eq!(place.id(), "sso");
    assert_eq!(place.asks()[1].header("x-meant-for"), "");
    // A role on top of it.
    let place = Place::with(services).config(SSO).profile("over").file(SESSION_FILE, login(in_an_hour()));
    assert_eq!(place.who(), keys_of("over"));
    check_signature_of_sso(&place);
}

fn check_signature_of_sso(place: &Place) {
    let asks = place.asks();
    assert_eq!(asks.len(), 2);
    assert_eq!(asks[1].header("x-amz-security-token"), token("sso"));
    assert_eq!(asks[1].field("RoleArn").unwrap(), "arn:aws:iam::1:role/over");
}

#[test]
fn who_has_not_logged_in_with_sso() {
    let place = Place::with(services).config(SSO).profile("new");
    let run = "run aws sso login --profile new";
    assert_eq!(place.error(), format!("profile new: nobody has logged in with SSO: {run}"));
    let place = place.file(SESSION_FILE, login(SystemTime::now() - Duration::from_secs(1)));
    assert_eq!(place.error(), format!("profile new: the SSO log-in has expired: {run}"));
    for bad in [PLANTED.to_owned(), format!(r#"{{"accessToken":"{PLANTED}"}}"#)] {
        let place = Place::with(services).config(SSO).profile("new").file(SESSION_FILE, bad);
        assert_eq!(place.error(), format!("SSO token {}: the file does not parse", place.path(SESSION_FILE)));
    }
    assert!(place.asks().is_empty());
    for (status, body, told) in [
        (401, PLANTED.to_owned(), format!("profile new: the SSO log-in is not valid any more: {run}")),
        (403, PLANTED.to_owned(), "profile new: AWS SSO for role Data/Reader refuses (403)".to_owned()),
        (
            500,
            PLANTED.to_owned(),
            "profile new: AWS SSO for role Data/Reader cannot answer now (500)".to_owned(),
        ),
        (200, PLANTED.to_owned(), "profile new: AWS SSO: the answer is not credentials".to_owned()),
        (
            200,
            sso_keys("sso").replace("accessKeyId", "x"),
            "profile new: AWS SSO: the answer is not credentials".to_owned(),
        ),
        (
            200,
            sso_keys("sso").replace("expiration", "x"),
            "profile new: AWS SSO: the answer is not credentials".to_owned(),
        ),
    ] {
        let place = Place::with(move |_| (status, body.clone())).config(SSO).profile("new");
        let place = place.file(SESSION_FILE, login(in_an_hour()));
        assert_eq!(place.error(), told);
    }
    let place = Place::with(services).config(&SSO.replace("eu-west-1", "evil.example/")).profile("new");
    let place = place.file(SESSION_FILE, login(in_an_hour()));
    assert_eq!(place.error(), "'evil.example/' is not a region of AWS");
}

/// Who is known at a place, with a clock of one's own.
async fn renewed(place: &Place, clock: fn() -> SystemTime) -> Arc<Renewed<Found>> {
    let world = World::new(&place.options, &place.variables, clients(place.server));
    let source = Found { world, source: Source::Container };
    let keys = source.fetch().await.unwrap().unwrap();
    Arc::new(Renewed::with_clock(source, keys, clock))
}

fn minutes_ahead(minutes: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(60 * minutes)
}

/// Gives keys for an hour, as often as it is asked; if told so, fails.
fn numbered(fails: Arc<AtomicBool>) -> Place {
    let count = AtomicU64::new(0);
    Place::with(move |_| {
        if fails.load(Ordering::SeqCst) {
            return (403, PLANTED.to_owned());
        }
        let number = count.fetch_add(1, Ordering::SeqCst);
        let (id, expires) = (format!("number-{number}"), written(minutes_ahead(60 * (number + 1))));
        (200, format!(r#"{{"AccessKeyId":"{id}","SecretAccessKey":"{PLANTED}","Token":"{PLANTED}","Expiration":"{expires}"}}"#))
    })
    .variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x")
}

async fn id_of(provider: &Renewed<Found>) -> String {
    provider.get_credential().await.unwrap().key_id.clone()
}

#[test]
fn credentials_are_renewed_before_they_expire() {
    static MINUTES: AtomicU64 = AtomicU64::new(0);
    let clock = || minutes_ahead(MINUTES.load(Ordering::SeqCst));
    let fails = Arc::new(AtomicBool::new(false));
    let place = numbered(fails.clone());
    wait(async {
        let provider = renewed(&place, clock).await;
        for (minutes, id) in [(0, "number-0"), (55, "number-0"), (57, "number-1"), (58, "number-1")] {
            MINUTES.store(minutes, Ordering::SeqCst);
            assert_eq!(id_of(&provider).await, id, "after {minutes} minutes");
        }
        assert_eq!(place.asks().len(), 2);
        // What still holds is kept if nobody renews it, and that is not tried all the time.
        fails.store(true, Ordering::SeqCst);
        MINUTES.store(117, Ordering::SeqCst);
        for _ in 0..3 {
            assert_eq!(id_of(&provider).await, "number-1");
        }
        assert_eq!(place.asks().len(), 3);
        MINUTES.store(118, Ordering::SeqCst);
        assert_eq!(id_of(&provider).await, "number-1");
        assert_eq!(place.asks().len(), 4);
        MINUTES.store(120, Ordering::SeqCst);
        let error = provider.get_credential().await.unwrap_err();
        let texts = format!("{error} {error:?} {provider:?}");
        assert!(!texts.contains(PLANTED), "a secret in {texts}");
        let told = "the container's credentials service refuses (403)".to_owned();
        assert_eq!(IdentityError::within(&error), Some(&IdentityError::Refused(told)));
        // It is not given up for good.
        fails.store(false, Ordering::SeqCst);
        assert_eq!(id_of(&provider).await, "number-2");
    });
}

#[test]
fn one_task_renews_for_all() {
    static MINUTES: AtomicU64 = AtomicU64::new(0);
    let clock = || minutes_ahead(MINUTES.load(Ordering::SeqCst));
    let place = numbered(Arc::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let provider = renewed(&place, clock).await;
        // Expired, so that all must wait; then about to expire, so that none need to.
        for (minutes, old) in [(60, None), (117, Some("number-1"))] {
            MINUTES.store(minutes, Ordering::SeqCst);
            let before = place.asks().len();
            let tasks: Vec<_> = (0..40)
                .map(|_| {
                    let provider = provider.clone();
                    tokio::spawn(async move { id_of(&provider).await })
                })
                .collect();
            let new = format!("number-{before}");
            for task in tasks {
                let id = task.await.unwrap();
                assert!(id == new || Some(id.as_str()) == old, "{id}, not {new}");
            }
            assert_eq!(place.asks().len(), before + 1);
        }
    });
}

#[test]
fn a_task_that_ends_early_leaves_renewal_to_others() {
    static MINUTES: AtomicU64 = AtomicU64::new(0);
    let clock = || minutes_ahead(MINUTES.load(Ordering::SeqCst));
    let place = numbered(Arc::default());
    wait(async {
        let provider = renewed(&place, clock).await;
        MINUTES.store(60, Ordering::SeqCst);
        assert!(provider.get_credential().now_or_never().is_none());
        let second = tokio::time::timeout(Duration::from_secs(5), id_of(&provider)).await.unwrap();
        assert!(second.starts_with("number-"));
        assert_ne!(second, "number-0");
    });
}
