SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.oauth_account (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    oauth_name character varying(100) NOT NULL,
    access_token character varying(1024) NOT NULL,
    expires_at integer,
    refresh_token character varying(1024),
    account_id character varying(320) NOT NULL,
    account_email character varying(320) NOT NULL
);
CREATE TABLE public."user" (
    first_name character varying(100),
    id uuid NOT NULL,
    email character varying(320) NOT NULL,
    hashed_password character varying(1024) NOT NULL,
    is_active boolean NOT NULL,
    is_superuser boolean NOT NULL,
    is_verified boolean NOT NULL
);
INSERT INTO public.oauth_account VALUES ('a3d41e12-8dfa-4e7a-b87c-30694b1b7e8a', 'e380e87a-8ddc-42af-bb89-fe8172acdae9', 'google', 'an access token', NULL, NULL, 'people/108', 'Ada@example.com');
INSERT INTO public."user" VALUES ('Ada', 'e380e87a-8ddc-42af-bb89-fe8172acdae9', 'Ada@example.com', '$argon2id$v=19$m=65536,t=3,p=4$IYVBLgJF6+12zrhm/5T4EA$LUPGWiUp6biDelpOJJ0rG6TasI8DsAsEroq2FfnhICc', true, true, true);
INSERT INTO public."user" VALUES (NULL, '955dcf22-f0b6-4ded-9545-a6f3904e5b74', 'grace@example.com', '$2b$04$c4g0.XvxLgd9kBdftxAeqePCES0LEE5Q3c3L0EBg00sIerdyxzTIu', true, false, false);
INSERT INTO public."user" VALUES (NULL, '5020f1bd-e76b-4fbd-be75-0deda2f63b09', 'long@example.com', '$2b$04$fldIyw1ydJoPqXCfCJLkduT3lojeaQ8N7xJALmrbhfY09HRUZ5hcC', true, false, false);
INSERT INTO public."user" VALUES (NULL, '805d7a10-a4e8-4f37-bdbc-70d5a0f9b1fd', 'linus@example.com', '$argon2id$v=19$m=65536,t=3,p=4$6LGbFhll4m9ywGB+hkKLqQ$JCnaWt8ITDY4BFH0fCnRqClB0CppR/BBHU1g6THIS90', false, false, false);
ALTER TABLE ONLY public.oauth_account
    ADD CONSTRAINT oauth_account_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public."user"
    ADD CONSTRAINT user_pkey PRIMARY KEY (id);
CREATE INDEX ix_oauth_account_account_id ON public.oauth_account USING btree (account_id);
CREATE INDEX ix_oauth_account_oauth_name ON public.oauth_account USING btree (oauth_name);
CREATE UNIQUE INDEX ix_user_email ON public."user" USING btree (email);
ALTER TABLE ONLY public.oauth_account
    ADD CONSTRAINT oauth_account_user_id_fkey FOREIGN KEY (user_id) REFERENCES public."user"(id) ON DELETE CASCADE;
