SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.auth_api_token (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    digest character varying(64) DEFAULT ''::character varying NOT NULL,
    "user" integer NOT NULL,
    name character varying(100) DEFAULT ''::character varying NOT NULL,
    scope text DEFAULT ''::text NOT NULL,
    last_four character varying(4) DEFAULT ''::character varying NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone
);
CREATE TABLE public.auth_email (
    id integer NOT NULL,
    failed_count integer DEFAULT 0 NOT NULL,
    waits_until bigint DEFAULT 0 NOT NULL,
    "user" integer NOT NULL,
    email character varying(254) DEFAULT ''::character varying NOT NULL,
    verified_at timestamp with time zone,
    is_registered boolean DEFAULT false NOT NULL,
    activates boolean DEFAULT false NOT NULL,
    is_contested boolean DEFAULT false NOT NULL,
    uncompared integer DEFAULT 0 NOT NULL,
    verification_sent_at timestamp with time zone,
    reset_sent_at timestamp with time zone,
    change_sent_at timestamp with time zone
);
CREATE TABLE public.auth_email_change (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    "user" integer NOT NULL,
    digest character varying(64) DEFAULT ''::character varying NOT NULL,
    email character varying(254) DEFAULT ''::character varying NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    undone_at timestamp with time zone
);
CREATE SEQUENCE public.auth_email_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.auth_email_id_seq OWNED BY public.auth_email.id;
CREATE TABLE public.auth_event (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    name character varying(64) DEFAULT ''::character varying NOT NULL,
    outcome character varying(8) DEFAULT ''::character varying NOT NULL,
    "user" character varying(64) DEFAULT NULL::character varying,
    ip character varying(45) DEFAULT NULL::character varying,
    user_agent character varying(255) DEFAULT NULL::character varying,
    data text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.auth_known_browser (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    "user" integer NOT NULL,
    digest character varying(64) DEFAULT ''::character varying NOT NULL,
    seen_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE TABLE public.auth_known_device (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    "user" integer NOT NULL,
    digest character varying(64) DEFAULT ''::character varying NOT NULL,
    seen_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE TABLE public.auth_password (
    id integer NOT NULL,
    "user" integer NOT NULL,
    hash text DEFAULT ''::text NOT NULL,
    changed_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    superseded character varying(64) DEFAULT NULL::character varying
);
CREATE TABLE public.auth_password_failure (
    failed_count integer DEFAULT 0 NOT NULL,
    waits_until bigint DEFAULT 0 NOT NULL,
    key character varying(64) DEFAULT ''::character varying NOT NULL,
    "user" integer,
    checking_until bigint DEFAULT 0 NOT NULL,
    is_admitted boolean DEFAULT false NOT NULL,
    changed_at bigint DEFAULT 0 NOT NULL
);
CREATE SEQUENCE public.auth_password_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.auth_password_id_seq OWNED BY public.auth_password.id;
CREATE TABLE public.auth_rate_limit (
    key character varying(32) DEFAULT ''::character varying NOT NULL,
    state text DEFAULT ''::text NOT NULL,
    allowed boolean DEFAULT false NOT NULL,
    at bigint DEFAULT 0 NOT NULL,
    expires_at bigint DEFAULT 0 NOT NULL
);
CREATE TABLE public.auth_recovery_code (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    "user" integer NOT NULL,
    digest character varying(64) DEFAULT ''::character varying NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    used_at timestamp with time zone
);
CREATE TABLE public.auth_refresh_family (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    "user" integer NOT NULL,
    generation integer DEFAULT 0 NOT NULL,
    current_digest character varying(64) DEFAULT ''::character varying NOT NULL,
    previous_digest character varying(64) DEFAULT NULL::character varying,
    scope text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    rotated_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    revoked_at timestamp with time zone,
    factors text DEFAULT ''::text NOT NULL,
    is_enrolling boolean DEFAULT false NOT NULL,
    ip character varying(45) DEFAULT NULL::character varying,
    user_agent character varying(255) DEFAULT NULL::character varying
);
CREATE TABLE public.auth_sent_code (
    failed_count integer DEFAULT 0 NOT NULL,
    waits_until bigint DEFAULT 0 NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    "user" integer NOT NULL,
    secret text,
    sent_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE TABLE public.auth_session (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    digest character varying(64) DEFAULT ''::character varying NOT NULL,
    "user" integer NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    last_seen_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    absolute_expires_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    factors text DEFAULT ''::text NOT NULL,
    is_enrolling boolean DEFAULT false NOT NULL,
    ip character varying(45) DEFAULT NULL::character varying,
    user_agent character varying(255) DEFAULT NULL::character varying
);
CREATE TABLE public.auth_ticket (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    digest character varying(64) DEFAULT ''::character varying NOT NULL,
    purpose character varying(32) DEFAULT ''::character varying NOT NULL,
    "user" integer,
    data text DEFAULT ''::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    used_at timestamp with time zone
);
CREATE TABLE public.auth_totp (
    failed_count integer DEFAULT 0 NOT NULL,
    waits_until bigint DEFAULT 0 NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    "user" integer NOT NULL,
    secret text,
    pending text,
    confirmed_at timestamp with time zone,
    last_step bigint DEFAULT '-1'::integer NOT NULL
);
CREATE TABLE public.auth_unsent_mail (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    "user" integer NOT NULL,
    kind character varying(64) DEFAULT ''::character varying NOT NULL,
    recipient character varying(254) DEFAULT ''::character varying NOT NULL,
    at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    data text DEFAULT ''::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE TABLE public.migration (
    id integer NOT NULL,
    name character varying(200) DEFAULT ''::character varying NOT NULL,
    app_name character varying(200) DEFAULT ''::character varying NOT NULL,
    ran_on timestamp without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);
CREATE SEQUENCE public.migration_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.migration_id_seq OWNED BY public.migration.id;
CREATE TABLE public.piccolo_user (
    id integer NOT NULL,
    username character varying(100) DEFAULT ''::character varying NOT NULL,
    password character varying(255) DEFAULT ''::character varying NOT NULL,
    email character varying(255) DEFAULT ''::character varying NOT NULL,
    active boolean DEFAULT false NOT NULL,
    admin boolean DEFAULT false NOT NULL,
    first_name character varying(255) DEFAULT ''::character varying,
    last_name character varying(255) DEFAULT ''::character varying,
    superuser boolean DEFAULT false NOT NULL,
    last_login timestamp without time zone
);
CREATE SEQUENCE public.piccolo_user_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.piccolo_user_id_seq OWNED BY public.piccolo_user.id;
ALTER TABLE ONLY public.auth_email ALTER COLUMN id SET DEFAULT nextval('public.auth_email_id_seq'::regclass);
ALTER TABLE ONLY public.auth_password ALTER COLUMN id SET DEFAULT nextval('public.auth_password_id_seq'::regclass);
ALTER TABLE ONLY public.migration ALTER COLUMN id SET DEFAULT nextval('public.migration_id_seq'::regclass);
ALTER TABLE ONLY public.piccolo_user ALTER COLUMN id SET DEFAULT nextval('public.piccolo_user_id_seq'::regclass);
INSERT INTO public.auth_api_token VALUES ('f9e77594-352e-4645-bbd1-c7ad695d01cf', 'ddfbfc3fed0e8997dc123f69e37a6878180d7fd14ea8152da4fc621ae1b3fe26', 1, 'report', '', '35d1', '2026-11-27 12:00:00+00', '2027-11-27 12:00:00+00', NULL, NULL);
INSERT INTO public.auth_event VALUES ('31d28675-9bec-4f1a-848f-79dac2c6c8e6', '2026-11-27 12:00:00+00', 'user_created', 'success', '1', NULL, NULL, '{}');
INSERT INTO public.auth_event VALUES ('d6b533ed-3e13-42ac-b823-9967b8753585', '2026-11-27 12:00:00+00', 'user_created', 'success', '2', NULL, NULL, '{}');
INSERT INTO public.auth_event VALUES ('d74d7204-1ad1-47f4-8b47-04e516787641', '2026-11-27 12:00:00+00', 'authn_login_success', 'success', '2', '127.0.0.1', 'python-httpx/0.28.1', '{"factor": "password"}');
INSERT INTO public.auth_event VALUES ('cdd51819-1fe0-4358-95b5-98dd39747d50', '2026-11-27 12:00:00+00', 'authn_login_success', 'success', '2', '127.0.0.1', 'python-httpx/0.28.1', '{"factor": "password"}');
INSERT INTO public.auth_event VALUES ('6adf134f-b6f6-4590-8dd2-24d7ba7748a2', '2026-11-27 12:00:00+00', 'authn_token_created', 'success', '2', '127.0.0.1', 'python-httpx/0.28.1', '{"family": "28abafca-96ef-4380-8c1e-e88839108ef3"}');
INSERT INTO public.auth_event VALUES ('0a23c672-d5f9-4594-a8d8-3589c31124a5', '2026-11-27 12:00:00+00', 'authn_mfa_enrolled', 'success', '1', NULL, NULL, '{"factor": "totp"}');
INSERT INTO public.auth_event VALUES ('6037ea4d-dcb0-4d04-9a08-a6e31ddabcb9', '2026-11-27 12:00:00+00', 'authn_token_created', 'success', '1', NULL, NULL, '{"api_token": "f9e77594-352e-4645-bbd1-c7ad695d01cf"}');
INSERT INTO public.auth_known_device VALUES ('630a5537-fd40-4c9d-a85d-3719c021ab10', 2, '5a8cf704e0a45555f5dd8fa2d840100844d81a3e2da9c48aa54c5b10eac69b6e', '2026-11-27 12:00:00+00', '2027-11-27 12:00:00+00');
INSERT INTO public.auth_password VALUES (1, 1, '$argon2id$v=19$m=8,t=1,p=1$iYWU0eqkXYaUNbV+tsSTUw$+wvWar1Bf/GdCKVl9P6GRstuVwKolLdclM6UnA/v/iI', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_password VALUES (2, 2, '$argon2id$v=19$m=8,t=1,p=1$9ynNI0W4GyRBg44hU5fy8Q$QWYgHzzpbpaalVYwgDJcQvkBVubK1NyXLRKFZgFd3Rs', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_password_failure VALUES (0, 0, '38b59b5e438d3ffb6c9e891d3c15d690e10257fb34393db8d43d272f86640fd7', 2, 0, true, 1795780800000);
INSERT INTO public.auth_password_failure VALUES (0, 0, '2bb58a1920016a8b222379b2ba7d52293b988c6a119541e35ae19ed610d6f1af', 1, 0, true, 1795780800000);
INSERT INTO public.auth_recovery_code VALUES ('3a94b253-ea00-4802-908a-1d560899b313', 1, 'c12da004dae87df36ef8888cb65de01f6da43be3fee9c5e4754cf39fe4d6429c', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('331bc6a5-bdca-4db5-9734-5351af310aaf', 1, 'a2df114478ba680f4f874cb0da1d0e5059d20ee1fe46bf9a1c4eb798263a9687', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('84f24b4e-2a20-46d9-88ba-a69f207c9580', 1, 'b69cda19b4eb2dc5bbf25da436ba1c0782edf32f6da441c270600f9b9562ffe4', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('dc75c323-2b74-4032-b330-1be6dedc7743', 1, '3e3cd73d6f0fd836b00adaf2c643e3a9e9dfe308047396c357a780f21236b761', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('b44b9d17-8a88-4c05-8152-9b40fcc2a271', 1, 'e57b50f7abe56074674482295be7f370cb7200b2e628fed12e4eecd5bd085f91', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('5ce5bfb4-c7e4-4c76-b0e8-4180abb411e1', 1, '09f5069a0b42c85baf378ea7c32a4ad42f089d66f50d99eda94f7c62599bfa88', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('a45ca4dd-97c2-4256-87be-5587da9d0079', 1, 'fd20768be346a0d41e2c1d000c496f1c84755cfdd423154c7ab7fb07f622dfb7', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('ccddde94-e2cf-4eb7-b96d-91f956f63265', 1, '04285143e358e428c105e954720ddac67d6351d9b660906ed5a34076ce84933f', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('af8122f6-a3f3-409a-8049-526e8bda0754', 1, 'dd96d8c248283a1c2a9d604e7b30901efa17b0e79ab5578532f9682f0a0dd51c', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('e64c1356-4e9e-4ac1-bca8-1c1703252a83', 1, '9c5224a838a0c6819ed63b48756b601cbc56a806cda099d0f58bbb15a07836a1', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_refresh_family VALUES ('28abafca-96ef-4380-8c1e-e88839108ef3', 2, 0, 'b25ff72d20b278af00fd436b97d86f4567dd23f488f8c33369d6a0fb121ffb1e', NULL, '', '2026-11-27 12:00:00+00', '2026-11-27 12:00:00+00', '2026-12-27 12:00:00+00', NULL, '{"password": 1795780800.0}', false, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.auth_session VALUES ('8510bf19-d944-4137-bd61-9a264c6c05f5', 'f31c253dd1a052910b8c93d1b24019dad620d5fd6cc89a4ccc3f6599f7ec8dad', 2, '2026-11-27 12:00:00+00', '2026-11-27 12:00:00+00', '2026-12-11 12:00:00+00', '2026-12-27 12:00:00+00', '{"password": 1795780800.0}', false, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.auth_ticket VALUES ('fba12fff-3215-49b1-8826-96cfd3540168', 'dc90a1950c863fbbb3b8662e6d5af863cc3e9af1b6a27be24fcc7528a55b3d15', 'mfa for session', 1, '["f8d1d71626409b55f8b3978ee2692ba34242ba9edcb126bafcbd7075ca2e1b08", "{\"password\": 1795780800.0}", ""]', 0, '2026-11-27 12:00:00+00', '2026-11-27 12:10:00+00', NULL);
INSERT INTO public.auth_totp VALUES (0, 0, 'd2cdeaa2-e445-40b3-9c18-ee6c675803c5', 1, 'xc20p.862ded8624f03969.EndzdNvEPj0Krw8GviQMWI9rlJqBMmBJWRjoQSciIqlA1qgzkXhmKPNLkZMxSNpSTmK3t5JIkyh4KjYGkJ1jjJEFYX7W32T1wgdNMpSf0ZY3ggPtU8HXrVDX', NULL, '2026-11-27 12:00:00+00', 59859360);
INSERT INTO public.migration VALUES (1, '2019-11-14T21:52:21', 'user', '2026-11-27 10:10:16.669167');
INSERT INTO public.migration VALUES (2, '2020-06-11T21:38:55', 'user', '2026-11-27 10:10:16.754387');
INSERT INTO public.migration VALUES (3, '2021-04-30T16:14:15', 'user', '2026-11-27 10:10:16.784244');
INSERT INTO public.migration VALUES (4, '2026-11-27T06:40:19:770240', 'piccolo_api_fastapi', '2026-11-27 10:10:17.204637');
INSERT INTO public.piccolo_user VALUES (2, 'grace', 'pbkdf2_sha256$1$!$!', 'grace@example.com', true, false, '', '', false, '2026-11-27 12:00:00');
INSERT INTO public.piccolo_user VALUES (1, 'ada', 'pbkdf2_sha256$1$!$!', 'ada@example.com', true, false, '', '', false, NULL);
SELECT pg_catalog.setval('public.auth_email_id_seq', 1, false);
SELECT pg_catalog.setval('public.auth_password_id_seq', 2, true);
SELECT pg_catalog.setval('public.migration_id_seq', 4, true);
SELECT pg_catalog.setval('public.piccolo_user_id_seq', 2, true);
ALTER TABLE ONLY public.auth_api_token
    ADD CONSTRAINT auth_api_token_digest_key UNIQUE (digest);
ALTER TABLE ONLY public.auth_api_token
    ADD CONSTRAINT auth_api_token_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_email_change
    ADD CONSTRAINT auth_email_change_digest_key UNIQUE (digest);
ALTER TABLE ONLY public.auth_email_change
    ADD CONSTRAINT auth_email_change_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_email
    ADD CONSTRAINT auth_email_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_email
    ADD CONSTRAINT auth_email_user_key UNIQUE ("user");
ALTER TABLE ONLY public.auth_event
    ADD CONSTRAINT auth_event_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_known_browser
    ADD CONSTRAINT auth_known_browser_digest_key UNIQUE (digest);
ALTER TABLE ONLY public.auth_known_browser
    ADD CONSTRAINT auth_known_browser_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_known_device
    ADD CONSTRAINT auth_known_device_digest_key UNIQUE (digest);
ALTER TABLE ONLY public.auth_known_device
    ADD CONSTRAINT auth_known_device_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_password_failure
    ADD CONSTRAINT auth_password_failure_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.auth_password
    ADD CONSTRAINT auth_password_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_password
    ADD CONSTRAINT auth_password_user_key UNIQUE ("user");
ALTER TABLE ONLY public.auth_rate_limit
    ADD CONSTRAINT auth_rate_limit_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.auth_recovery_code
    ADD CONSTRAINT auth_recovery_code_digest_key UNIQUE (digest);
ALTER TABLE ONLY public.auth_recovery_code
    ADD CONSTRAINT auth_recovery_code_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_refresh_family
    ADD CONSTRAINT auth_refresh_family_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_sent_code
    ADD CONSTRAINT auth_sent_code_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_sent_code
    ADD CONSTRAINT auth_sent_code_user_key UNIQUE ("user");
ALTER TABLE ONLY public.auth_session
    ADD CONSTRAINT auth_session_digest_key UNIQUE (digest);
ALTER TABLE ONLY public.auth_session
    ADD CONSTRAINT auth_session_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_ticket
    ADD CONSTRAINT auth_ticket_digest_key UNIQUE (digest);
ALTER TABLE ONLY public.auth_ticket
    ADD CONSTRAINT auth_ticket_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_totp
    ADD CONSTRAINT auth_totp_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.auth_totp
    ADD CONSTRAINT auth_totp_user_key UNIQUE ("user");
ALTER TABLE ONLY public.auth_unsent_mail
    ADD CONSTRAINT auth_unsent_mail_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.piccolo_user
    ADD CONSTRAINT piccolo_user_email_key UNIQUE (email);
ALTER TABLE ONLY public.piccolo_user
    ADD CONSTRAINT piccolo_user_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.piccolo_user
    ADD CONSTRAINT piccolo_user_username_key UNIQUE (username);
CREATE INDEX auth_api_token_expires_at ON public.auth_api_token USING btree (expires_at);
CREATE INDEX auth_api_token_user ON public.auth_api_token USING btree ("user");
CREATE INDEX auth_email_change_expires_at ON public.auth_email_change USING btree (expires_at);
CREATE INDEX auth_email_change_user ON public.auth_email_change USING btree ("user");
CREATE INDEX auth_event_at ON public.auth_event USING btree (at);
CREATE INDEX auth_event_user ON public.auth_event USING btree ("user");
CREATE INDEX auth_known_browser_user ON public.auth_known_browser USING btree ("user");
CREATE INDEX auth_known_device_expires_at ON public.auth_known_device USING btree (expires_at);
CREATE INDEX auth_known_device_user ON public.auth_known_device USING btree ("user");
CREATE INDEX auth_password_failure_changed_at ON public.auth_password_failure USING btree (changed_at);
CREATE INDEX auth_password_failure_user ON public.auth_password_failure USING btree ("user");
CREATE INDEX auth_rate_limit_expires_at ON public.auth_rate_limit USING btree (expires_at);
CREATE INDEX auth_recovery_code_user ON public.auth_recovery_code USING btree ("user");
CREATE INDEX auth_refresh_family_expires_at ON public.auth_refresh_family USING btree (expires_at);
CREATE INDEX auth_refresh_family_user ON public.auth_refresh_family USING btree ("user");
CREATE INDEX auth_session_expires_at ON public.auth_session USING btree (expires_at);
CREATE INDEX auth_session_user ON public.auth_session USING btree ("user");
CREATE INDEX auth_ticket_expires_at ON public.auth_ticket USING btree (expires_at);
CREATE INDEX auth_ticket_user ON public.auth_ticket USING btree ("user");
CREATE INDEX auth_unsent_mail_expires_at ON public.auth_unsent_mail USING btree (expires_at);
CREATE INDEX auth_unsent_mail_user ON public.auth_unsent_mail USING btree ("user");
CREATE INDEX piccolo_api_fastapi_user_email ON public.piccolo_user USING btree (lower((email)::text));
ALTER TABLE ONLY public.auth_api_token
    ADD CONSTRAINT auth_api_token_user_fkey FOREIGN KEY ("user") REFERENCES public.piccolo_user(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_email_change
    ADD CONSTRAINT auth_email_change_user_fkey FOREIGN KEY ("user") REFERENCES public.piccolo_user(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_email
    ADD CONSTRAINT auth_email_user_fkey FOREIGN KEY ("user") REFERENCES public.piccolo_user(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_known_browser
    ADD CONSTRAINT auth_known_browser_user_fkey FOREIGN KEY ("user") REFERENCES public.piccolo_user(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_known_device
    ADD CONSTRAINT auth_known_device_user_fkey FOREIGN KEY ("user") REFERENCES public.piccolo_user(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_password_failure
    ADD CONSTRAINT auth_password_failure_user_fkey FOREIGN KEY ("user") REFERENCES public.piccolo_user(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_password
    ADD CONSTRAINT auth_password_user_fkey FOREIGN KEY ("user") REFERENCES public.piccolo_user(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_recovery_code
    ADD CONSTRAINT auth_recovery_code_user_fkey FOREIGN KEY ("user") REFERENCES public.piccolo_user(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_refresh_family
    ADD CONSTRAINT auth_refresh_family_user_fkey FOREIGN KEY ("user") REFERENCES public.piccolo_user(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_sent_code
    ADD CONSTRAINT auth_sent_code_user_fkey FOREIGN KEY ("user") REFERENCES public.piccolo_user(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_session
    ADD CONSTRAINT auth_session_user_fkey FOREIGN KEY ("user") REFERENCES public.piccolo_user(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_ticket
    ADD CONSTRAINT auth_ticket_user_fkey FOREIGN KEY ("user") REFERENCES public.piccolo_user(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_totp
    ADD CONSTRAINT auth_totp_user_fkey FOREIGN KEY ("user") REFERENCES public.piccolo_user(id) ON UPDATE CASCADE ON DELETE CASCADE;
ALTER TABLE ONLY public.auth_unsent_mail
    ADD CONSTRAINT auth_unsent_mail_user_fkey FOREIGN KEY ("user") REFERENCES public.piccolo_user(id) ON UPDATE CASCADE ON DELETE CASCADE;
