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
    issuer text DEFAULT ''::text NOT NULL,
    audience text DEFAULT ''::text NOT NULL,
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
    scheme text DEFAULT ''::text NOT NULL,
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
INSERT INTO public.auth_api_token VALUES ('53447330-58aa-42c9-a719-9bfc97d82cbb', 'fd674b8e20b7417a1c4fa4b18b62818d90b9e61828454c645325a3faf2a36d7d', 1, 'report', '', '8432', '2026-11-27 12:00:00+00', '2027-11-27 12:00:00+00', NULL, NULL);
INSERT INTO public.auth_event VALUES ('f20c3860-40e4-437a-b777-ae928caf1aa5', '2026-11-27 12:00:00+00', 'user_created', 'success', '1', NULL, NULL, '{}');
INSERT INTO public.auth_event VALUES ('e1b81e6a-fb0b-4e6f-af12-76cd3104aa21', '2026-11-27 12:00:00+00', 'user_created', 'success', '2', NULL, NULL, '{}');
INSERT INTO public.auth_event VALUES ('ac3dc4bb-d007-4815-aec7-2adc4a715272', '2026-11-27 12:00:00+00', 'authn_login_success', 'success', '2', '127.0.0.1', 'python-httpx/0.28.1', '{"factor": "password"}');
INSERT INTO public.auth_event VALUES ('0c5df6aa-a611-42a0-b848-edaad026ea22', '2026-11-27 12:00:00+00', 'authn_login_success', 'success', '2', '127.0.0.1', 'python-httpx/0.28.1', '{"factor": "password"}');
INSERT INTO public.auth_event VALUES ('77584330-7b77-4fdf-9cb5-bf469cedf6f1', '2026-11-27 12:00:00+00', 'authn_token_created', 'success', '2', '127.0.0.1', 'python-httpx/0.28.1', '{"family": "2fcc3eef-cf21-494b-b589-3af48af7f17a"}');
INSERT INTO public.auth_event VALUES ('835438d9-1aa2-4e38-a386-eaf50c8e68dd', '2026-11-27 12:00:00+00', 'authn_mfa_enrolled', 'success', '1', NULL, NULL, '{"factor": "totp"}');
INSERT INTO public.auth_event VALUES ('67d78e66-7081-41fa-b4df-a3e69f62ae98', '2026-11-27 12:00:00+00', 'authn_token_created', 'success', '1', NULL, NULL, '{"api_token": "53447330-58aa-42c9-a719-9bfc97d82cbb"}');
INSERT INTO public.auth_known_device VALUES ('c1adcd05-f690-47b8-94d1-ca60400b6ff8', 2, '052391aa5cf02f59c50039c9eb6577f7389135eb97872de11c5500258ab3d3a7', '2026-11-27 12:00:00+00', '2027-11-27 12:00:00+00');
INSERT INTO public.auth_password VALUES (1, 1, '$argon2id$v=19$m=8,t=1,p=1$0VHoo9FOq8Ik9na4hSa6Jw$Q7nWDD2t/edsi/6CQuR+/+k6PlfF0UaL88Kk7Vtoubs', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_password VALUES (2, 2, '$argon2id$v=19$m=8,t=1,p=1$7MOwZeDHnuRPlhwyu6ZAQA$4ccL0NlqqQy+SyfXg8uOOT7Q/lRVyhs/E+ftj9pmxYk', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_password_failure VALUES (0, 0, '38b59b5e438d3ffb6c9e891d3c15d690e10257fb34393db8d43d272f86640fd7', 2, 0, true, 1795780800000);
INSERT INTO public.auth_password_failure VALUES (0, 0, '2bb58a1920016a8b222379b2ba7d52293b988c6a119541e35ae19ed610d6f1af', 1, 0, true, 1795780800000);
INSERT INTO public.auth_recovery_code VALUES ('223ae19a-8431-40bb-8a55-edced3d37592', 1, '6b44b64fd87b9a90ff8ebdac447a6cca8c54158686823b238c317430a4138c57', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('41b010e1-7ba2-49ca-86e3-a6aa5242a458', 1, 'da914abb6014f288a8e7703799522f61da2937b4c6cc594b16a20a205cd22a2c', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('652ff911-25cf-4cdb-9451-b0e0285da46c', 1, '8cc45670b438e6635c09a8b6f6b37736ae30a8195bba74e75aa0cc2248662581', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('7f010b93-56b6-409c-bebe-0f3456b5ff44', 1, '4b1fda8860d5f36aff0ccb4d789f96e8a1b4dbd65f11a0417c5a12a557764906', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('0ebb48c1-c4d6-4015-819f-8bf9ab0ac8cc', 1, 'e3941da38aec3cd639dfa208792c56b438bd46f1c2cb5d196c2c6cfc153b31b8', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('886fa871-7afe-49c4-ba09-5da045524a7a', 1, '9ac2d9d71ac6a889e0e526025319f213df46c13051c0eb43aa1810e12484c597', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('2bb01b83-3fff-41bc-b887-581dc34a25a9', 1, 'c4b567d9045900a9c28861e6165256b8009290aac2fe4c60a8506013ac06f9fb', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('d588c54b-9d4d-49de-bde4-fb75c6324f42', 1, 'b4c52f80d08d09030d168921a1f4b680f08636ace34728a92364d1f7eb4bb171', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('212d37e4-f9a0-453b-b410-c14d0c9aecae', 1, 'f1e6ed2e136a1135ad2c1b9582b61ee5d632b8dd96c5ba949922a99d5be9ca6a', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('a9f138af-d7ac-4a84-b30b-3188cd8d2966', 1, '68fab819e44bee0004d3291d1a47bac85eb6043294a9b8d8bb015a8f654854de', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_refresh_family VALUES ('2fcc3eef-cf21-494b-b589-3af48af7f17a', 2, 'piccolo_api_fastapi', 'piccolo_api_fastapi', 0, '8924b3814bece27a34ddccdf672573c13f0bf285629feec7d714f29559b34499', NULL, '', '2026-11-27 12:00:00+00', '2026-11-27 12:00:00+00', '2026-12-27 12:00:00+00', NULL, '{"password": 1795780800.0}', false, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.auth_session VALUES ('fb0a8df2-e6e5-47fd-9a96-712dc767bb75', 'c5ee3b17de78984a3509bc3f1ab097731ee7f742c84a5b454f68aa487ceb8fac', 2, '__Host-session', '2026-11-27 12:00:00+00', '2026-11-27 12:00:00+00', '2026-12-11 12:00:00+00', '2026-12-27 12:00:00+00', '{"password": 1795780800.0}', false, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.auth_ticket VALUES ('834405d9-5f65-4b32-80aa-41e6270fe976', '83044d8677df51820a5dc67587195f9f17bd972c1d5bdff275b6a678a1374b40', 'mfa for session', 1, '["e47ac63df0554c2ce779fdcca5fb4606f617f202c273d9b43268da1574839d8d", "{\"password\": 1795780800.0}", ""]', 0, '2026-11-27 12:00:00+00', '2026-11-27 12:10:00+00', NULL);
INSERT INTO public.auth_totp VALUES (0, 0, 'ba8b5563-d6b7-4289-a386-1eaacafa7f35', 1, 'xc20p.862ded8624f03969.9uKspqghiljCixm7rjE4cnmEef3X57aGuuavJR1CBrARRmbFfciNopK6-Qs5khG5_vkWIbu-KSaLgtqFLaWU2p9pFncZNpDA9pXjwT4GGCeE5Cn3-j_blQ9F', NULL, '2026-11-27 12:00:00+00', 59859360);
INSERT INTO public.migration VALUES (1, '2019-11-14T21:52:21', 'user', '2026-11-27 10:00:49.162071');
INSERT INTO public.migration VALUES (2, '2020-06-11T21:38:55', 'user', '2026-11-27 10:00:49.292857');
INSERT INTO public.migration VALUES (3, '2021-04-30T16:14:15', 'user', '2026-11-27 10:00:49.392857');
INSERT INTO public.migration VALUES (4, '2026-11-27T06:40:19:770240', 'piccolo_api_fastapi', '2026-11-27 10:00:50.532422');
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
