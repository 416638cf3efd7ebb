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
INSERT INTO public.auth_api_token VALUES ('f1699f5c-51bc-4cac-ab12-f3b3f8bc3cdc', '496cfa0430e2df586b597a711eba480f442df137724ece5c06e73bbfec431078', 1, 'report', '', 'ade5', '2026-11-27 12:00:00+00', '2027-11-27 12:00:00+00', NULL, NULL);
INSERT INTO public.auth_event VALUES ('6075e5dc-157c-4356-9ea6-d3739c818982', '2026-11-27 12:00:00+00', 'user_created', 'success', '1', NULL, NULL, '{}');
INSERT INTO public.auth_event VALUES ('58c8bac7-733d-4cf1-ae72-b0252cd1ccb5', '2026-11-27 12:00:00+00', 'user_created', 'success', '2', NULL, NULL, '{}');
INSERT INTO public.auth_event VALUES ('941a6169-2534-4cf1-9329-b86f52875e1d', '2026-11-27 12:00:00+00', 'authn_login_success', 'success', '2', '127.0.0.1', 'python-httpx/0.28.1', '{"factor": "password"}');
INSERT INTO public.auth_event VALUES ('e40b2dfc-3056-4765-95f6-bc37cec380e8', '2026-11-27 12:00:00+00', 'authn_login_success', 'success', '2', '127.0.0.1', 'python-httpx/0.28.1', '{"factor": "password"}');
INSERT INTO public.auth_event VALUES ('a71a23dc-1d7d-4c14-8a38-b7ee4a834015', '2026-11-27 12:00:00+00', 'authn_token_created', 'success', '2', '127.0.0.1', 'python-httpx/0.28.1', '{"family": "1ed288a1-7d0e-44d8-954f-afa124c2e53d"}');
INSERT INTO public.auth_event VALUES ('da7eb17b-47a1-466f-8586-3da82632159f', '2026-11-27 12:00:00+00', 'authn_mfa_enrolled', 'success', '1', NULL, NULL, '{"factor": "totp"}');
INSERT INTO public.auth_event VALUES ('9c33b1ca-20bb-4bd3-b739-81955b916d59', '2026-11-27 12:00:00+00', 'authn_token_created', 'success', '1', NULL, NULL, '{"api_token": "f1699f5c-51bc-4cac-ab12-f3b3f8bc3cdc"}');
INSERT INTO public.auth_known_device VALUES ('ff81d739-403a-45b1-938c-44e45680644e', 2, 'ad09299b8d12e623c9e5e5abaca9b4d37009eb67edc10e911011f3027201688a', '2026-11-27 12:00:00+00', '2027-11-27 12:00:00+00');
INSERT INTO public.auth_password VALUES (1, 1, '$argon2id$v=19$m=8,t=1,p=1$FUSy7PJiOEKhksxuz9fYug$1XlbFQUz1Hia/xgfoqC+UVLnfGMU4CHjfGwbEVZMl94', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_password VALUES (2, 2, '$argon2id$v=19$m=8,t=1,p=1$uGYqlE6fx5guXq5LLeUrbQ$+CeyiXlrASAHcGbnYD986s9+mJtjmFQaLvUmEJLEP3o', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_password_failure VALUES (0, 0, '38b59b5e438d3ffb6c9e891d3c15d690e10257fb34393db8d43d272f86640fd7', 2, 0, true, 1795780800000);
INSERT INTO public.auth_password_failure VALUES (0, 0, '2bb58a1920016a8b222379b2ba7d52293b988c6a119541e35ae19ed610d6f1af', 1, 0, true, 1795780800000);
INSERT INTO public.auth_recovery_code VALUES ('44e7b46e-5098-4371-90fc-d151fd197354', 1, '67a1dbd35c3546821fc29a74d6b62f782f435bc910db430114f67c5a621804a9', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('c22c03dd-3ef5-4ae9-b75b-b11587cccc57', 1, '2b76f632fe2340b008eab422356bb6c515b06c96d19a7f17080a1ee05d1218a5', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('6f9fdf84-d6d6-4a63-9be0-e3907439c4e8', 1, 'e20ba4f10ad4ff7104ada7d4b1c212a855656ca7dcb4312fb13d18e383165a2a', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('8e26f0dc-ac7a-476d-a1e9-a2debb016fef', 1, '3426fe5c3b7825317e7da687ef3796e0ebd66d39b993401b5931b05735c2a9e5', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('4f655d42-ca03-42af-8754-f9e0c3368868', 1, '257754618b5560003af86d8f9e69e2fe64bb06e7d009d7a428a6e9f5b6d01a2f', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('5c44cafe-ee70-4980-add6-b5f4298c0ac3', 1, 'c9d7f7bf1e3fea2343303dc94e437347c2dbd2ab789e745e0856bcc2b57fab76', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('fdd47b0a-0220-40be-9a13-137b3af611cf', 1, 'b7995798519a6aa64c9dd7fd7a57fbe8892ab16c6f1dc52d7c1c55f11f0383a4', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('a82cb41e-1364-4dbe-b7f3-d0c601d6d64f', 1, '42727524e7c0d43ed00f62cd41a5beda3155515c6e3f66733a43aa9683f39b45', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('ccdd860b-e3fc-4530-9bab-15beb8fb8e9d', 1, '65e91d4b4c549e6deaa68c348da303dc34b3de13683dc8391b908ea95f1dc907', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('64cb7dbe-89d6-4174-bd93-21589d2300e8', 1, 'bff39665646dae9734ecb5a4e2a080e126d0902c7e534d3bd6b2881ac85f5ac8', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_refresh_family VALUES ('1ed288a1-7d0e-44d8-954f-afa124c2e53d', 2, 'piccolo_api_fastapi', 'piccolo_api_fastapi', 0, '331bdae5acf3ee04d17f3db1795f676939eb5ba78571e20e8538e5ffcf6ba142', NULL, 'account', '2026-11-27 12:00:00+00', '2026-11-27 12:00:00+00', '2026-12-27 12:00:00+00', NULL, '{"password": 1795780800.0}', false, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.auth_session VALUES ('a911134a-7935-43fd-9f45-37035033b90c', '3e05b51d9e002373ea4d3225d44a1c20d3565313373a51bb2439c86e4a01c7ca', 2, '__Host-session', '2026-11-27 12:00:00+00', '2026-11-27 12:00:00+00', '2026-12-11 12:00:00+00', '2026-12-27 12:00:00+00', '{"password": 1795780800.0}', false, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.auth_ticket VALUES ('d4bc1474-2b16-49aa-99d2-95c0eb57a051', 'ec3aeb3969f2df472a1e9c2b5c7b7b9be0154b94ca344019defa7b30889ee5f4', 'mfa for session', 1, '["fbc980882defb8afa887df06fa673bf43b84ad2439f2a17cbde65327b0bd8a81", "{\"password\": 1795780800.0}", ""]', 0, '2026-11-27 12:00:00+00', '2026-11-27 12:10:00+00', NULL);
INSERT INTO public.auth_totp VALUES (0, 0, '033c93d8-e3f4-46d5-95d5-3b504c294aa6', 1, 'xc20p.862ded8624f03969.wVVdL-6tsEUuVXSURGqMlg2wIrSdutnhovR608QSn6vK7v88bb0XVkpMfz1aDKLnJIjWGjKRMD7NOYchdH0H70OBLk7yT_U5i77WXkdsPtwt71BqkngwpFRJ', NULL, '2026-11-27 12:00:00+00', 59859360);
INSERT INTO public.migration VALUES (1, '2019-11-14T21:52:21', 'user', '2026-11-27 11:03:05.163748');
INSERT INTO public.migration VALUES (2, '2020-06-11T21:38:55', 'user', '2026-11-27 11:03:05.182693');
INSERT INTO public.migration VALUES (3, '2021-04-30T16:14:15', 'user', '2026-11-27 11:03:05.20074');
INSERT INTO public.migration VALUES (4, '2026-11-27T06:40:19:770240', 'piccolo_api_fastapi', '2026-11-27 11:03:05.346113');
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
