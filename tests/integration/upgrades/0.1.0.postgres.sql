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
INSERT INTO public.auth_api_token VALUES ('3d8c5c54-b552-46a2-9e42-76f3fecbad7b', '1b8955194c6ec3d901615c0d807a24ce59182926730a746d056aa6483a517392', 1, 'report', '', '3148', '2026-11-27 12:00:00+00', '2027-11-27 12:00:00+00', NULL, NULL);
INSERT INTO public.auth_event VALUES ('a0ea7d99-eb8e-4486-91f2-b8864f76ad29', '2026-11-27 12:00:00+00', 'user_created', 'success', '1', NULL, NULL, '{}');
INSERT INTO public.auth_event VALUES ('2e6482fb-64c7-477a-82d3-a0e2e2d474a8', '2026-11-27 12:00:00+00', 'user_created', 'success', '2', NULL, NULL, '{}');
INSERT INTO public.auth_event VALUES ('bdfb291b-f48a-4f2a-b8de-35ee0b1f77c2', '2026-11-27 12:00:00+00', 'authn_login_success', 'success', '2', '127.0.0.1', 'python-httpx/0.28.1', '{"factor": "password"}');
INSERT INTO public.auth_event VALUES ('3cbcf87c-6e12-49dd-a304-b5fb80c75762', '2026-11-27 12:00:00+00', 'authn_login_success', 'success', '2', '127.0.0.1', 'python-httpx/0.28.1', '{"factor": "password"}');
INSERT INTO public.auth_event VALUES ('1b2c2616-c14c-4ab7-bd9c-a5573274b338', '2026-11-27 12:00:00+00', 'authn_token_created', 'success', '2', '127.0.0.1', 'python-httpx/0.28.1', '{"family": "18bb057b-086b-4385-983f-6163622bafb7"}');
INSERT INTO public.auth_event VALUES ('946c82c2-3be4-4a6b-8900-3c3af62e5e62', '2026-11-27 12:00:00+00', 'authn_mfa_enrolled', 'success', '1', NULL, NULL, '{"factor": "totp"}');
INSERT INTO public.auth_event VALUES ('46cf54d0-51d7-476b-b674-3e368ebb2c5e', '2026-11-27 12:00:00+00', 'authn_token_created', 'success', '1', NULL, NULL, '{"api_token": "3d8c5c54-b552-46a2-9e42-76f3fecbad7b"}');
INSERT INTO public.auth_known_device VALUES ('8fca39a3-c20c-4518-b486-866dae7178c2', 2, '603faead90d1ed4410de5f49cf5a9b17c6784726c33eca08c80ff33e051df7cf', '2026-11-27 12:00:00+00', '2027-11-27 12:00:00+00');
INSERT INTO public.auth_password VALUES (1, 1, '$argon2id$v=19$m=8,t=1,p=1$Nfuvs80AaT5zXKCHH4omUw$faQOkwSUgCpcBYDKwuFvAYjqgiDKkfv04gpEXVa+mkE', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_password VALUES (2, 2, '$argon2id$v=19$m=8,t=1,p=1$Y9wMZ9gLo0GG9t/GoNM/2g$7vWbMwy7J+W9nA46kFNrKi38BkRiaBuX58Gih4fmR0c', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_password_failure VALUES (0, 0, '38b59b5e438d3ffb6c9e891d3c15d690e10257fb34393db8d43d272f86640fd7', 2, 0, true, 1795780800000);
INSERT INTO public.auth_password_failure VALUES (0, 0, '2bb58a1920016a8b222379b2ba7d52293b988c6a119541e35ae19ed610d6f1af', 1, 0, true, 1795780800000);
INSERT INTO public.auth_recovery_code VALUES ('b0adbdfe-c0e1-4b7c-a4ab-93376538e508', 1, 'c64db89a3de3ed105af568f0cb887d7be27be3d613a5f7f98832296fb58c8047', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('dc572085-92d6-419e-9bb2-b63c2b34020e', 1, '103f0a7cb7792bff644a526268d5f90e6722e0ba93a4a84790344b78660efe47', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('d61d4a1d-fd88-4806-a8b4-88325e26742f', 1, 'edd70a6b140e255021705d6c37af1e33943efbb0c54b2ca59b68033915a034fa', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('267b21c2-ea93-44da-bfa1-73cdef172f9f', 1, '52d3e00c7ed101ce3fd40bc51ef406179dbcb291edb4dd3c1fe7acfd5a0f3dc9', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('29ceb3cb-a660-4a09-b8a3-45487bdf221a', 1, '25f7705f39d8b01b4164b063c8d8aa7b5153fbc2af3f1e5a8549894a2243b3d4', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('39d4edc9-4ce6-440d-bdf5-5bbfa5f1fa31', 1, 'da992e870b427d8f213c430c9091c3a2ad645eb473a5c06a965c8df7dfe5912d', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('0802160a-33f2-45a6-bf0d-b12b53c077a9', 1, 'cebed37e5356aa49d36097f0d9535dfcdd3373182b2d1c85c2a636fe3a6e01bc', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('24531911-8844-4f80-92dc-b5139b8470ca', 1, '13f29e8179a5d6b1729169e80bbd1ac987282eba7788bc89a0913602a3541f02', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('a188581e-d947-4b73-9d81-1ca9ee338583', 1, '7d5f99d6811b705264f63086629206a9b65af076006e3301d847611855a79ec0', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('dd2b2ab6-8ee7-4601-8059-817087ce63bb', 1, 'ea118ce2dbfbe5052325201210e365cd8fedb9ca655b3565aba37b2f766f4e72', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_refresh_family VALUES ('18bb057b-086b-4385-983f-6163622bafb7', 2, 0, '4bf0ff1a8fa4e3dc9ba7c9fa7868720bf128bd77a5aa3ae2814d291345f391ea', NULL, '', '2026-11-27 12:00:00+00', '2026-11-27 12:00:00+00', '2026-12-27 12:00:00+00', NULL, '{"password": 1795780800.0}', false, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.auth_session VALUES ('2417a951-1369-4767-a0b6-979ec3c2333c', 'deb8e17cda47dd63c5d2d1bb4aa0e6a3c70a62eb9663f56430480554279f890a', 2, '2026-11-27 12:00:00+00', '2026-11-27 12:00:00+00', '2026-12-11 12:00:00+00', '2026-12-27 12:00:00+00', '{"password": 1795780800.0}', false, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.auth_ticket VALUES ('cebfda3a-e942-4f8b-a9c7-1b12734331b8', 'e359b6111faf5c4149f884bbf321016d47a600616372c1c7a8dbe61724f125a4', 'mfa for session', 1, '["3fa9a9d10a0cea0356e7aaa74e16866874e5ef835565f0de7d9ff865198e0fe6", "{\"password\": 1795780800.0}", ""]', 0, '2026-11-27 12:00:00+00', '2026-11-27 12:10:00+00', NULL);
INSERT INTO public.auth_totp VALUES (0, 0, '019dfd71-fd0d-42a5-a248-353c57f18c84', 1, 'xc20p.862ded8624f03969.gU7R-ReqghWpdnHR0pqUBFQjeMFk7WTDRMsrZrYZuBXEGyOsrkVmRYqLQrGHkUs_w9mRQ_9YHVVkqoZZjJMl0m53MWdwHw4c9zRAUbNXjqe_ByARDEceqP1T', NULL, '2026-11-27 12:00:00+00', 59859360);
INSERT INTO public.migration VALUES (1, '2019-11-14T21:52:21', 'user', '2026-11-27 07:23:19.152137');
INSERT INTO public.migration VALUES (2, '2020-06-11T21:38:55', 'user', '2026-11-27 07:23:19.201906');
INSERT INTO public.migration VALUES (3, '2021-04-30T16:14:15', 'user', '2026-11-27 07:23:19.227019');
INSERT INTO public.migration VALUES (4, '2026-11-27T06:40:19:770240', 'piccolo_api_fastapi', '2026-11-27 07:23:19.544913');
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
