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
    signed_in_count integer DEFAULT 0 NOT NULL,
    signed_in_until bigint DEFAULT 0 NOT NULL,
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
    signed_in_count integer DEFAULT 0 NOT NULL,
    signed_in_until bigint DEFAULT 0 NOT NULL,
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
INSERT INTO public.auth_api_token VALUES ('c2b0f535-0fbf-4a1a-97a8-0b99a02ee5d1', '0e5ace2a745e76e9af8e3d5335705983f294915b739a342fb3ceed8f9421782f', 1, 'report', '', '5d0b', '2026-11-27 12:00:00+00', '2027-11-27 12:00:00+00', NULL, NULL);
INSERT INTO public.auth_event VALUES ('bea9eb90-3eeb-4be1-b20d-60cf34ac18e5', '2026-11-27 12:00:00+00', 'user_created', 'success', '1', NULL, NULL, '{}');
INSERT INTO public.auth_event VALUES ('50072537-c050-43cf-b237-462a89099d5d', '2026-11-27 12:00:00+00', 'user_created', 'success', '2', NULL, NULL, '{}');
INSERT INTO public.auth_event VALUES ('ef60c784-1db6-40be-abaa-80ff0e0f3fc1', '2026-11-27 12:00:00+00', 'authn_login_success', 'success', '2', '127.0.0.1', 'python-httpx/0.28.1', '{"factor": "password"}');
INSERT INTO public.auth_event VALUES ('56334495-fd9f-4cec-a778-1c2aadbb9cc7', '2026-11-27 12:00:00+00', 'authn_login_success', 'success', '2', '127.0.0.1', 'python-httpx/0.28.1', '{"factor": "password"}');
INSERT INTO public.auth_event VALUES ('3f37f8e9-5294-4fa4-ab81-37ce1f7c7105', '2026-11-27 12:00:00+00', 'authn_token_created', 'success', '2', '127.0.0.1', 'python-httpx/0.28.1', '{"family": "b749e2ce-c95d-453f-b9d2-4efd1727ad17"}');
INSERT INTO public.auth_event VALUES ('0facafcd-88f4-4f52-b15d-6c85b502e9bb', '2026-11-27 12:00:00+00', 'authn_mfa_enrolled', 'success', '1', NULL, NULL, '{"factor": "totp"}');
INSERT INTO public.auth_event VALUES ('989ed5f0-4f55-46f3-9ce2-2bd101e6f344', '2026-11-27 12:00:00+00', 'authn_token_created', 'success', '1', NULL, NULL, '{"api_token": "c2b0f535-0fbf-4a1a-97a8-0b99a02ee5d1"}');
INSERT INTO public.auth_known_device VALUES ('cc89e4c1-a34c-4a0c-868b-13297d5e5963', 2, 'c2dfeb180bea3d57d888b71482f371a75246c4396fd3184c4127157f61249638', '2026-11-27 12:00:00+00', '2027-11-27 12:00:00+00');
INSERT INTO public.auth_password VALUES (1, 1, '$argon2id$v=19$m=8,t=1,p=1$rl8IJZHj3XTxoHgDWh/qjg$AjT3AB2wmKPQ/zaGp9DccFBva//ErVnWXHWeZGn9+QQ', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_password VALUES (2, 2, '$argon2id$v=19$m=8,t=1,p=1$hBiycZgsLY0noGjRQNAj0Q$UhLmf2F/Lc+OB4dpEZu4tNR3onLdndeSk55+VphE37k', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_password_failure VALUES (0, 0, '38b59b5e438d3ffb6c9e891d3c15d690e10257fb34393db8d43d272f86640fd7', 2, 0, true, 1795780800000);
INSERT INTO public.auth_password_failure VALUES (0, 0, '2bb58a1920016a8b222379b2ba7d52293b988c6a119541e35ae19ed610d6f1af', 1, 0, true, 1795780800000);
INSERT INTO public.auth_recovery_code VALUES ('ea633cc9-d004-49a9-9cce-33659ac174c8', 1, 'ec763686a1419c59b59762c83aa8761cf97f2c2de16022a520c7e0385121f00f', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('cdda2373-23e2-42fe-8d17-50ab4536d545', 1, 'afa5fba0c6e05bf1676aa74fd0df38efd5d512f2bd0dbc0aa2f42a594f2f9076', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('f300a564-bb66-43ac-ac43-243f8b063c61', 1, '4a9969a878fe68c71fb710b9b48f94472e014e68a63e79ea8f80926987abfdc7', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('bd2eac7f-f415-4e1b-a01c-a3b080788274', 1, '750fac21d7f62e8a3cf997190b23ddf94868f9258d304b3fd6629bfcdbfdba5a', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('112e9386-b1a5-4700-a359-9f005f5a676c', 1, 'a46ed70a56b179d533ffc43db488df83ff8b0e1fca8eccc39a611279b14bf54d', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('b0f25973-b666-442e-9d23-4439d6c56518', 1, '55ec88a6c567ddf16dc1d60fc158cf47e347f72961b1b22bb488ee78ad1870f8', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('6a40359c-cad2-4e20-a259-8120a9137567', 1, '1e50e55e5d6f1c12f0ace2f4fbc348b7a7f642b609b0a3b66fa9f03096e0ed61', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('b561ef47-b84c-45fb-9b62-d68d25e0cf86', 1, 'd37966124279e16c8c3e857dd6e64d5724c4b650fe2c0246487b1a116ce4e8ca', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('bc71725a-3ba0-4c4f-b0e3-44b933b4a807', 1, '10664975c1fe09d3b94734b23e191ede956d01b8dcc128151871006a7560b72f', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_recovery_code VALUES ('2655d1f0-0f5c-461f-844c-11faa64d2a67', 1, '12a59b1c61a398210fc247ca873970c85fb184877100c63961e37ac500bede9e', '2026-11-27 12:00:00+00', NULL);
INSERT INTO public.auth_refresh_family VALUES ('b749e2ce-c95d-453f-b9d2-4efd1727ad17', 2, 'piccolo_api_fastapi', 'piccolo_api_fastapi', 0, 'aba9ddf7933bee1b2c57abd8326eb1fadece21f2c53abb68d595531421c7a3ed', NULL, 'account', '2026-11-27 12:00:00+00', '2026-11-27 12:00:00+00', '2026-12-27 12:00:00+00', NULL, '{"password": 1795780800.0}', false, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.auth_session VALUES ('3b6035da-fb56-4ff3-85e8-f8a4ab4659de', 'b38ea73ad1a7fd29a69abe82b86811df0deaa2c9c3675853728f60aae706e822', 2, '__Host-session', '2026-11-27 12:00:00+00', '2026-11-27 12:00:00+00', '2026-12-11 12:00:00+00', '2026-12-27 12:00:00+00', '{"password": 1795780800.0}', false, '127.0.0.1', 'python-httpx/0.28.1');
INSERT INTO public.auth_ticket VALUES ('6e5bf436-e611-4bff-892f-7b3c5037dbd0', '8e2d745bf009abbeb57ac5fc70dfb20cb4d58a8505884b34668ffdc6278204f8', 'mfa for session', 1, '["45d3901f00a80c1836942ea86cb155d5c694afcb38223d59c97dd319e2c229c2", "{\"password\": 1795780800.0}", "", ""]', 0, '2026-11-27 12:00:00+00', '2026-11-27 12:10:00+00', NULL);
INSERT INTO public.auth_totp VALUES (0, 0, 0, 0, 'd6d674e1-1d94-4f76-aace-a6c75a0e0937', 1, 'xc20p.862ded8624f03969.ZBvQ4vpyt5KgFHZr9VndeZHe_Xxi8l2NDcFE_tyQIQPtAwZn8VQ6fKGUmNmA1OBH2l_75-XXjGz7MDETL3suPDZ5pAw4blt4SOp0Z86hp2Hate717EZfdMiJ', NULL, '2026-11-27 12:00:00+00', 59859360);
INSERT INTO public.migration VALUES (1, '2019-11-14T21:52:21', 'user', '2026-11-27 11:56:35.551598');
INSERT INTO public.migration VALUES (2, '2020-06-11T21:38:55', 'user', '2026-11-27 11:56:35.57017');
INSERT INTO public.migration VALUES (3, '2021-04-30T16:14:15', 'user', '2026-11-27 11:56:35.587255');
INSERT INTO public.migration VALUES (4, '2026-11-27T06:40:19:770240', 'piccolo_api_fastapi', '2026-11-27 11:56:35.799298');
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
